//go:build unix

package main

import (
	"os"
	"syscall"
)

// mapPage is the first page of a file as memory that is shared with the programs which map it too.
func mapPage(file *os.File) ([]byte, error) {
	return syscall.Mmap(int(file.Fd()), 0, os.Getpagesize(), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
}
