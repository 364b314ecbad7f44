package callbus

import (
	"github.com/kardianos/service"

	"github.com/callbus/callbus/services/callbus/internal/setup"
)

// serviceUser is for systemd. A service of Windows runs as LocalSystem, unless services.msc is told otherwise.
func serviceUser(string) string { return "" }

func prepare(*office, setup.UnitOptions) error { return nil }

// tryAs has nothing to try: LocalSystem may read everything.
func tryAs(setup.UnitOptions) error { return nil }

func running(s service.Service) bool {
	status, err := s.Status()
	return err == nil && status == service.StatusRunning
}
