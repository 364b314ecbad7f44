package doctor

import (
	"errors"

	"github.com/callbus/callbus/internal/config"
)

// File is a file that the settings name, and that cannot be read.
type File struct {
	Flag, Path string
	Err        error
}

// files tells of what would stop the next start. A Callbus that runs goes on with what a file said before.
func (x exam) files() (all []Finding) {
	for _, f := range x.Files {
		found := Finding{ID: "file-broken", Level: Warning,
			What: x.Sayf("%s, the file of --%s, cannot be read: %v", "Файл %s (--%s) не прочитать: %v", f.Path, f.Flag, f.Err),
			Do:   x.Say("Mend it: Callbus would not start again with it", "Исправьте его: с ним Callbus в следующий раз не запустится")}
		if errors.Is(f.Err, config.ErrNotUTF8) {
			found.ID = "file-not-utf8"
			found.What = x.Sayf("%s, the file of --%s, is not UTF-8", "Файл %s (--%s) сохранён не в UTF-8", f.Path, f.Flag)
			found.Do = x.Say("Save it as UTF-8 (Notepad: Save as, Encoding): Callbus would not start again with it",
				"Сохраните его в UTF-8 (Блокнот: «Сохранить как», «Кодировка»): с ним Callbus в следующий раз не запустится")
		}
		all = append(all, found)
	}
	return all
}
