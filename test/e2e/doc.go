// Package e2e runs the real programs as an operator would, from the outside: flags, ports, signals and what they print.
package e2e
