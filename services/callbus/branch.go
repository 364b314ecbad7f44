package callbus

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go"

	"github.com/callbus/callbus/internal/broker"
	"github.com/callbus/callbus/internal/stream"
)

// branches is one callbus branch.
type branches struct {
	*line
	verb   string
	branch broker.Branch
	out    string
}

func branch(args []string) int {
	b := &branches{line: newLine("branch")}
	b.most, b.check = 2, b.read
	b.fs.StringVar(&b.out, "out", "", "add: file for the branch's key; default ./NAME.creds")
	return b.run(args, func(ctx context.Context, nc *nats.Conn) error {
		ours, err := b.ours(nc)
		if err == nil && !ours && b.verb == "add" {
			err = b.exported(ctx, nc)
		}
		if err != nil {
			return err
		}
		return map[string]func(bool) error{"add": b.add, "list": b.list, "remove": b.remove}[b.verb](ours)
	})
}

// read takes the verb and the name.
func (b *branches) read() (err error) {
	b.verb, b.branch.Name, err = b.addListRemove()
	if err != nil || b.verb == "list" {
		return err
	}
	if b.out == "" {
		b.out = b.branch.Name + ".creds"
	}
	if !stream.PlainName(b.branch.Name) {
		return errors.New(b.tongue.Sayf("want a name of 1 to 32 letters A-Z a-z, digits, _ and - (given: %s)",
			"имя: от 1 до 32 латинских букв, цифр, _ и - (указано: %s)", b.branch.Name))
	}
	return nil
}

func (b *branches) add(ours bool) (err error) {
	name := b.branch.Name
	known, err := broker.Branches(b.folder)
	if err != nil {
		return err
	}
	if ours && slices.ContainsFunc(known, func(k broker.Branch) bool { return k.Name == name }) {
		return errors.New(b.tongue.Sayf("there is a branch %s; take another name, or remove it first: callbus branch remove %[1]s",
			"филиал %s уже есть; возьмите другое имя или сначала удалите его: callbus branch remove %[1]s", name))
	}
	err = newKey(b.out, func(public string) error {
		b.branch.Key = public
		if !ours {
			return nil
		}
		return broker.AdmitBranch(b.folder, b.branch)
	})
	if err != nil {
		return err
	}
	fmt.Println(b.tongue.Sayf("Branch %s may store its calls here, and nothing else. Its key, a secret, is in %s; the branch starts with --hub URL --hub-creds FILE --site NAME",
		"Филиал %s может сохранять здесь свои звонки и больше ничего. Его ключ (это секрет) в файле %s; в филиале: --hub URL --hub-creds ФАЙЛ --site ИМЯ", name, b.out))
	if !ours {
		b.ownConfig(broker.Account("BRANCH_"+name, b.branch))
	}
	return nil
}

func (b *branches) list(ours bool) error {
	if !ours {
		return errors.New(b.tongue.Say("the branches of this NATS are in its configuration: accounts BRANCH_…", "филиалы этого NATS записаны в его конфигурации: accounts BRANCH_…"))
	}
	known, err := broker.Branches(b.folder)
	if err == nil && len(known) == 0 {
		fmt.Println(b.tongue.Say("There is no branch: callbus branch add NAME makes a key for one", "Филиалов нет; добавить: callbus branch add ИМЯ"))
	}
	for _, k := range known {
		fmt.Println(k.Name)
	}
	return err
}

func (b *branches) remove(ours bool) error {
	name := b.branch.Name
	if !ours {
		return errors.New(b.tongue.Sayf("take its account BRANCH_%s out of the servers' configuration, and reload it",
			"уберите его account BRANCH_%s из конфигурации серверов и перечитайте её", name))
	}
	known, err := broker.Branches(b.folder)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(known, func(k broker.Branch) bool { return k.Name == name }) {
		return errors.New(b.tongue.Sayf("there is no branch %s (callbus branch list shows them)", "филиала %s нет (список: callbus branch list)", name))
	}
	if err := broker.DismissBranch(b.folder, name); err != nil {
		return err
	}
	fmt.Println(b.tongue.Sayf("Branch %s is removed, and its key opens nothing any more", "Филиал %s удалён, его ключ больше ничего не открывает", name))
	return nil
}
