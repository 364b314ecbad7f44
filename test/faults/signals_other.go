//go:build !unix

package main

import (
	"errors"
	"os"
)

// Freezing a process needs SIGSTOP.
var errNoFrost = errors.New("this system cannot freeze a process")

func freeze(*os.Process) error { return errNoFrost }
func thaw(*os.Process) error   { return errNoFrost }
