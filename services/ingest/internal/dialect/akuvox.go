package dialect

// akuvox is Akuvox's desk phones and intercoms.
// Events: the keys Config.Features.ACTIONURL.<Event> of its configuration (template of NethServer's Tancredi), nearly all
// of them names that others have too. Variables: wiki.akuvox.com, "How to setup action URL". Its User-Agent is unknown.
var akuvox = &vendor{
	name: "akuvox",
	// callIDs stays false: nothing says what $call_id is.
}
