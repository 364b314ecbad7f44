//go:build !linux

package main

import (
	"context"
	"errors"
)

var errNoVolumes = errors.New("loop devices are Linux's")

func onVolumes(context.Context, *bench) (elsewhere, error) { return elsewhere{}, errNoVolumes }

type volume struct{ dir string }

func newVolume(context.Context, string, string) (*volume, error) { return nil, errNoVolumes }
func (v *volume) cut() error                                     { return errNoVolumes }
func (v *volume) restore(context.Context) error                  { return errNoVolumes }
func (v *volume) fill() error                                    { return errNoVolumes }
func (v *volume) free() error                                    { return errNoVolumes }
