package dialect

// generic is any phone without a dialect of its own: /phone/<event> with the names of docs/wire.md §1.
var generic = &vendor{name: "phone"}
