package dialect

// dlink is D-Link's DPH phones, as far as we know them, and that is not far: no manual of theirs with an action URL
// table was to be had. The DPH-150GE asks its provisioning server for f0DPH-150GEhw1.100.cfg, which is a Fanvil's name
// for that file, so a Fanvil is taken to be inside. Other models and revisions may come from other makers: for them
// only the canonical events and our own parameter names are sure.
var dlink = &vendor{name: "dlink", like: fanvil}
