//go:build !unix

package main

import (
	"errors"
	"os"
)

// The programs whose clock is set map a page of a file (steppedNow), as Unix does it.
func mapPage(*os.File) ([]byte, error) {
	return nil, errors.New("this system cannot set a program's clock")
}
