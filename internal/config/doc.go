// Package config reads what an operator sets: flags, environment, YAML files, and secrets that come as files.
//
// It promises that nothing is misread in silence. File < environment < flag; an unknown key, a key given twice,
// a key without a value, a second document and a leftover argument are errors that say where they are.
// A Secret prints as *** whatever it is printed with.
package config
