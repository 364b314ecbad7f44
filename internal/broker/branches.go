package broker

// Branch is an ingest elsewhere that forwards its calls to this broker, with a key of its own: it stores calls, asks how far CALLS
// is, and looks single events of it up. It can do nothing else.
type Branch struct {
	Name string
	Key  string // the public half
}

// branchesFolder, in the data folder, has a file for each branch, by its name: the public key.
const branchesFolder = "branches"

// AdmitBranch writes a branch down. A running broker lets it in at once.
func AdmitBranch(dir string, b Branch) error { return admit(dir, branchesFolder, b.Name, b.Key) }

// DismissBranch takes a branch's right away. A running broker ends its connections within two seconds.
func DismissBranch(dir, name string) error { return dismiss(dir, branchesFolder, name) }

// Branches are those that are admitted to a data folder. A file that makes no sense admits nobody.
func Branches(dir string) (branches []Branch, err error) {
	err = admitted(dir, branchesFolder, func(name, key, _ string) {
		branches = append(branches, Branch{name, key})
	})
	return branches, err
}

func (b Branch) key() string { return b.Key }

func (b Branch) id() string { return "branch-" + b.Name }

// Live is nothing: a branch sends calls, and hears nobody's.
func (b Branch) Live() []string { return nil }

// Services are what it may send to the account of the streams.
func (b Branch) Services() []string {
	return []string{"calls.*", "lines.*.*", "$JS.API.STREAM.INFO.CALLS", "$JS.API.STREAM.MSG.GET.CALLS"}
}

func (b Branch) in(service string) string { return renamed(service) }
