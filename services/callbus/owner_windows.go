package callbus

import "github.com/callbus/callbus/services/callbus/internal/setup"

// serviceUser is for systemd. A service of Windows runs as LocalSystem, unless services.msc is told otherwise.
func serviceUser(string) string { return "" }

func prepare(*office, setup.UnitOptions) error { return nil }
