package ingest

import "os"

// sameOwner has nothing to do: a file inherits its rights from the folder.
func sameOwner(*os.File, string) error { return nil }
