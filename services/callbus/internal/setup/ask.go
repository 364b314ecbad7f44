package setup

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/callbus/callbus/internal/config"
	"github.com/callbus/callbus/services/callbus/internal/lang"
)

// Asker puts questions to an operator.
type Asker struct {
	lang.Lang
	Out io.Writer
	In  *bufio.Reader
	// Hidden reads a line from a terminal without showing it; nil: there is no terminal, and In has it.
	Hidden func() (string, error)
}

// ErrNoAnswer says that nobody is there to answer.
var ErrNoAnswer = errors.New("no answer: give the answers as flags, with --yes")

// ask puts a question until the answer passes the check. An empty answer is the one that is proposed.
func (a *Asker) ask(ctx context.Context, question, proposed string, check func(string) error) (string, error) {
	for {
		fmt.Fprint(a.Out, question)
		if proposed != "" {
			fmt.Fprintf(a.Out, " [%s]", proposed)
		}
		fmt.Fprint(a.Out, ": ")
		answer, err := wait(ctx, a.line)
		if err != nil {
			return "", err
		}
		if answer = strings.TrimSpace(answer); answer == "" {
			answer = proposed
		}
		wrong := check(answer)
		if wrong == nil {
			return answer, nil
		}
		fmt.Fprintf(a.Out, "  %v\n", wrong)
	}
}

// secret asks for what is not to be seen.
func (a *Asker) secret(ctx context.Context, question string) (config.Secret, error) {
	fmt.Fprint(a.Out, question, ": ")
	read := a.line
	if a.Hidden != nil {
		read = a.Hidden
	}
	answer, err := wait(ctx, read)
	if a.Hidden != nil {
		fmt.Fprintln(a.Out) // the operator's own line end was not shown either
	}
	return config.Secret(answer), err
}

// Sure asks whether; the empty answer is no.
func (a *Asker) Sure(ctx context.Context, question string) (bool, error) {
	answer, err := a.ask(ctx, question+a.Say(" (y/n)", " (д/н)"), a.Say("n", "н"), func(string) error { return nil })
	first, _, _ := strings.Cut(strings.ToLower(answer), " ")
	switch first {
	case "y", "yes", "д", "да":
		return err == nil, err
	}
	return false, err
}

func (a *Asker) line() (string, error) {
	text, err := a.In.ReadString('\n')
	if errors.Is(err, io.EOF) && text == "" {
		return "", ErrNoAnswer
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	return strings.TrimRight(text, "\r\n"), nil
}

// wait gives up with ctx: whoever presses Ctrl-C is not made to answer first. The read is left behind; the process ends.
func wait(ctx context.Context, read func() (string, error)) (string, error) {
	type result struct {
		text string
		err  error
	}
	done := make(chan result, 1)
	go func() {
		text, err := read()
		done <- result{text, err}
	}()
	select {
	case r := <-done:
		return r.text, r.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}
