package bsl

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Extension is an extension of a configuration as Designer dumps it into files.
type Extension struct {
	Operations []Operation
	Routes     []Route
	Modules    map[string]*Module // by their path
	objects    map[string]*node   // by Kind.Name
	files      map[string]string
	faults     []string
}

// Operation of a web service, as the metadata describe it.
type Operation struct {
	Service, Address, Namespace, Name, Returns string
	Parameters                                 []Typed
}

// Route of an HTTP service: /hs/<Root><Template>.
type Route struct{ Service, Root, Template, Method string }

// Typed is a parameter of an operation.
type Typed struct{ Name, Type string }

// folders in which Designer puts the objects of each kind.
var folders = map[string]string{
	"CommonModule": "CommonModules", "HTTPService": "HTTPServices", "InformationRegister": "InformationRegisters",
	"Language": "Languages", "Role": "Roles", "Subsystem": "Subsystems", "WebService": "WebServices",
}

const (
	rootFile          = "Configuration.xml"
	applicationModule = "Ext/ManagedApplicationModule.bsl"
)

// Read reads an extension. What is wrong with it, Faults tells.
func Read(root fs.FS) (*Extension, error) {
	x := &Extension{Modules: map[string]*Module{}, objects: map[string]*node{}, files: map[string]string{}}
	err := fs.WalkDir(root, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := fs.ReadFile(root, p)
		x.files[p] = string(content)
		return err
	})
	if err != nil {
		return nil, err
	}
	for p, content := range x.files {
		if path.Ext(p) == ".bsl" {
			x.Modules[p] = Parse(p, content)
		}
	}
	x.readObjects()
	x.readOperations()
	x.readRoutes()
	return x, nil
}

// Faults are all that is wrong, each with its file.
func (x *Extension) Faults() []string {
	x.references()
	x.strangers()
	x.identities()
	x.handlers()
	x.rights()
	x.code()
	slices.Sort(x.faults)
	return slices.Compact(x.faults)
}

func (x *Extension) fault(file, format string, args ...any) {
	x.faults = append(x.faults, file+": "+fmt.Sprintf(format, args...))
}

// readObjects reads what the configuration names.
func (x *Extension) readObjects() {
	root := x.document(rootFile, "Configuration")
	x.objects["Configuration."+root.property("Name")] = root
	for _, child := range root.at("ChildObjects").children {
		folder, known := folders[child.name]
		if !known {
			x.fault(rootFile, "objects of the kind %s are not known here", child.name)
			continue
		}
		file := folder + "/" + child.text + ".xml"
		object := x.document(file, child.name)
		if name := object.property("Name"); name != child.text {
			x.fault(file, "it calls itself %q", name)
		}
		x.objects[child.name+"."+child.text] = object
	}
}

// document reads a file of metadata; where there is none, the object is empty.
func (x *Extension) document(file, kind string) *node {
	content, ok := x.files[file]
	if !ok {
		x.fault(file, "it is named, and not there")
		return &node{}
	}
	tree, err := parseXML(content)
	if err != nil {
		x.fault(file, "%v", err)
		return &node{}
	}
	if tree.name != "MetaDataObject" || len(tree.all(kind)) != 1 {
		x.fault(file, "it is no MetaDataObject with one %s", kind)
	}
	return tree.at(kind)
}

func (x *Extension) readOperations() {
	for _, service := range x.of("WebService") {
		for _, o := range service.at("ChildObjects").all("Operation") {
			operation := Operation{
				Service: service.property("Name"), Address: service.property("DescriptorFileName"), Namespace: service.property("Namespace"),
				Name: o.property("Name"), Returns: o.property("XDTOReturningValueType"),
			}
			for _, p := range o.at("ChildObjects").all("Parameter") {
				operation.Parameters = append(operation.Parameters, Typed{p.property("Name"), p.property("XDTOValueType")})
			}
			x.Operations = append(x.Operations, operation)
		}
	}
}

func (x *Extension) readRoutes() {
	for _, service := range x.of("HTTPService") {
		for _, t := range service.at("ChildObjects").all("URLTemplate") {
			for _, m := range t.at("ChildObjects").all("Method") {
				x.Routes = append(x.Routes, Route{
					service.property("Name"), service.property("RootURL"), t.property("Template"), m.property("HTTPMethod"),
				})
			}
		}
	}
}

// Names are those of the objects that the extension adds.
func (x *Extension) Names() (names []string) {
	for _, object := range x.objects {
		if object.property("ObjectBelonging") != "Adopted" {
			names = append(names, object.property("Name"))
		}
	}
	slices.Sort(names)
	return names
}

// of gives the objects of a kind, in the order of their names.
func (x *Extension) of(kind string) (found []*node) {
	var names []string
	for name := range x.objects {
		if strings.HasPrefix(name, kind+".") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		found = append(found, x.objects[name])
	}
	return found
}

// references in subsystems, and the modules that objects must have.
func (x *Extension) references() {
	for _, s := range x.of("Subsystem") {
		for _, item := range s.at("Properties", "Content").all("Item") {
			if x.objects[item.text] == nil {
				x.fault("Subsystems/"+s.property("Name")+".xml", "there is no %s", item.text)
			}
		}
	}
	for name := range x.objects {
		kind, own, _ := strings.Cut(name, ".")
		needs := map[string]string{"CommonModule": "/Ext/Module.bsl", "WebService": "/Ext/Module.bsl", "HTTPService": "/Ext/Module.bsl", "Role": "/Ext/Rights.xml"}
		if file := folders[kind] + "/" + own + needs[kind]; needs[kind] != "" && x.files[file] == "" {
			x.fault(file, "it is named, and not there")
		}
	}
}

// strangers are files that nothing names: 1C would pass over them.
func (x *Extension) strangers() {
	for file := range x.files {
		folder, rest, _ := strings.Cut(file, "/")
		name, _, _ := strings.Cut(strings.TrimSuffix(rest, ".xml"), "/")
		known := file == rootFile || file == applicationModule
		for kind, f := range folders {
			known = known || f == folder && x.objects[kind+"."+name] != nil
		}
		if !known {
			x.fault(file, "nothing names it")
		}
	}
}

var uuidForm = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// identities are unique in the whole extension. ClassId is the platform's own.
func (x *Extension) identities() {
	seen := map[string]bool{}
	for name, object := range x.objects {
		object.each(func(n *node) {
			id := n.attrs["uuid"]
			if n.name == "TypeId" || n.name == "ValueId" || n.name == "ObjectId" {
				id = n.text
			} else if id == "" {
				return
			}
			if !uuidForm.MatchString(id) {
				x.fault(name, "%q is no uuid", id)
			}
			if seen[id] {
				x.fault(name, "the uuid %s is there twice", id)
			}
			seen[id] = true
		})
	}
}

// handlers holds the functions that services name against their modules.
func (x *Extension) handlers() {
	for _, s := range x.of("WebService") {
		for _, o := range s.at("ChildObjects").all("Operation") {
			var names []string
			for _, p := range o.at("ChildObjects").all("Parameter") {
				names = append(names, p.property("Name"))
			}
			x.handler("WebServices/"+s.property("Name"), o.property("ProcedureName"), names)
		}
	}
	for _, s := range x.of("HTTPService") {
		for _, t := range s.at("ChildObjects").all("URLTemplate") {
			for _, m := range t.at("ChildObjects").all("Method") {
				x.handler("HTTPServices/"+s.property("Name"), m.property("Handler"), []string{"Запрос"})
			}
		}
	}
}

func (x *Extension) handler(object, name string, parameters []string) {
	file := object + "/Ext/Module.bsl"
	m := x.Modules[file]
	if m == nil {
		return // references has said so
	}
	p := m.Procedure(name)
	if p == nil || !p.Function {
		x.fault(file, "there is no function %s, which the metadata name", name)
		return
	}
	var names []string
	for _, parameter := range p.Parameters {
		names = append(names, parameter.Name)
	}
	if !slices.Equal(names, parameters) {
		x.fault(file, "%s has the parameters %v, in the metadata %v", name, names, parameters)
	}
}

// rights are given to what is there, and somebody may call each service.
func (x *Extension) rights() {
	callable := map[string]bool{}
	for _, s := range x.of("WebService") {
		for _, o := range s.at("ChildObjects").all("Operation") {
			callable["WebService."+s.property("Name")+".Operation."+o.property("Name")] = false
		}
	}
	for _, s := range x.of("HTTPService") {
		for _, t := range s.at("ChildObjects").all("URLTemplate") {
			for _, m := range t.at("ChildObjects").all("Method") {
				callable["HTTPService."+s.property("Name")+".URLTemplate."+t.property("Name")+".Method."+m.property("Name")] = false
			}
		}
	}
	for _, role := range x.of("Role") {
		x.rightsOf("Roles/"+role.property("Name")+"/Ext/Rights.xml", callable)
	}
	for name, may := range callable {
		if !may {
			x.fault("Roles", "no role may use %s", name)
		}
	}
}

func (x *Extension) rightsOf(file string, callable map[string]bool) {
	tree, err := parseXML(x.files[file])
	if err != nil {
		x.fault(file, "%v", err)
		return
	}
	for _, o := range tree.all("object") {
		name := o.at("name").text
		if _, service := callable[name]; service {
			callable[name] = o.at("right", "name").text == "Use" && o.at("right", "value").text == "true"
		} else if x.objects[name] == nil {
			x.fault(file, "there is no %s", name)
		}
	}
}

// code holds each module against itself, the others, and the registers.
func (x *Extension) code() {
	h, registers := x.house(), x.registers()
	for file, m := range x.Modules {
		for _, fault := range slices.Concat(m.faults, h.names(m, x.side(file)), m.queries(registers), x.jobs(m)) {
			x.fault(file, "%s", fault)
		}
	}
}

func (x *Extension) house() house {
	h := house{modules: map[string]*Module{}, sides: map[string]side{}}
	for _, o := range x.of("CommonModule") {
		name := o.property("Name")
		file := "CommonModules/" + name + "/Ext/Module.bsl"
		if m := x.Modules[file]; m != nil {
			h.modules[name], h.sides[name] = m, x.side(file)
		}
		if o.property("ServerCall") == "true" {
			h.sides[name] |= client
		}
	}
	return h
}

// side is where the code of a module runs.
func (x *Extension) side(file string) side {
	if file == applicationModule {
		return client
	}
	folder, rest, _ := strings.Cut(file, "/")
	name, _, _ := strings.Cut(rest, "/")
	if folder != "CommonModules" || x.objects["CommonModule."+name] == nil {
		return server
	}
	where := side(0)
	if x.objects["CommonModule."+name].property("Server") == "true" {
		where |= server
	}
	if x.objects["CommonModule."+name].property("ClientManagedApplication") == "true" {
		where |= client
	}
	return where
}

// registers gives the fields of each.
func (x *Extension) registers() map[string][]string {
	all := map[string][]string{}
	for _, r := range x.of("InformationRegister") {
		fields := []string{}
		for _, f := range r.at("ChildObjects").children {
			fields = append(fields, f.property("Name"))
		}
		all[r.property("Name")] = fields
	}
	return all
}

// jobs: a background job is an exported procedure of a common module, named in a string.
func (x *Extension) jobs(m *Module) (faults []string) {
	for _, p := range m.Procedures {
		for _, name := range p.Strings("Выполнить", 0) {
			module, method, _ := strings.Cut(name, ".")
			of := x.Modules["CommonModules/"+module+"/Ext/Module.bsl"]
			if of == nil || of.Procedure(method) == nil || !of.Procedure(method).Export {
				faults = append(faults, fmt.Sprintf("%d: %s: there is no exported %s for a background job", p.line, p.Name, name))
			}
		}
	}
	return faults
}
