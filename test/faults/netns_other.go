//go:build !linux

package main

import (
	"context"
	"errors"
)

const insideEnv = "CALLBUS_FAULTS_INSIDE"

var errNoCables = errors.New("network namespaces are Linux's")

func withNetwork(context.Context, *bench) (elsewhere, error) { return elsewhere{}, errNoCables }

type machine struct{ number int }

func layCables(context.Context, int) ([]*machine, error)  { return nil, errNoCables }
func newMachine(context.Context, int) (*machine, error)   { return nil, errNoCables }
func (m *machine) enter() []string                        { return nil }
func (m *machine) cut(context.Context) error              { return errNoCables }
func (m *machine) unplug(context.Context) error           { return errNoCables }
func (m *machine) plug(context.Context) error             { return errNoCables }
func (m *machine) mute(context.Context, *machine) error   { return errNoCables }
func (m *machine) unmute(context.Context, *machine) error { return errNoCables }
func (m *machine) remove()                                {}
