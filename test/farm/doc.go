// Package farm is an office full of simulated desk phones: each fills its vendor's variables in, and says at each moment of
// a call what that vendor's firmware says, or nothing.
//
// It is built from phones.yaml, which holds what is known of real phones, and it knows nothing of how ingest understands
// them: internal/rooms forbids the import. So the two are independent readings of the same facts, and where they differ one
// of them is wrong. The tests play the same stories with every make of phone against the real ingest and keep what came out
// as testdata/<make>.txt, to be read by people. Command load lets a farm of hundreds work at many times the busy hour's rate.
//
//	facts.go      phones.yaml, read strictly
//	moment.go     what can happen to a phone, in the world's terms
//	make.go       a make of phone: a vendor's facts, and its firmware
//	firmware_*.go what each vendor's firmware does, quirks included
//	phone.go      one phone, its calls, and what it sends at a moment
//	provision.go  what an administrator types into a phone
//	read.go       what a phone reads out of the file that its provisioning server has
//	variables.go  what the phone puts in their place
//	wire.go       the bytes on the wire
//	stories.go    calls, as scripts
//
// A line of a trace is a step, in plain words; the key whose URL the phone fetches then; and what came of it on the streams:
//
//	Ivan gives up while it rings   call_remote_canceled   -> calls.ended   line 103  +74951230001 "Ivan Petrov"  call 32769
//
// "nothing new" is a 200 that stored nothing: a repeat, or a state without a meaning. In square brackets stands what is odd: a
// phone, a line's name or an address that has not come through as the phone said it. go test ./farm -update writes the traces
// anew; whoever does that reads what has changed against phones.yaml.
//
// A second round has phones that read their URLs out of the files of callbus provision: testdata/provision/<make>.txt is what
// then comes out otherwise.
//
// Where the facts are silent a firmware's behaviour is a guess: marked so in the code, and with a question mark in the traces.
// No real phone was at hand. It never ships.
package farm
