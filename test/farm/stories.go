package farm

import "slices"

// Story is something that happens at one desk: who is called by whom, and step by step what follows.
type Story struct {
	Name  string
	Calls []Plan
	Steps []Step
}

// Plan is a call of a story, before it happens.
type Plan struct {
	Incoming bool
	Other    Party
}

// Step is one thing that happens.
type Step struct {
	Words  string
	Moment Moment
	Call   int  // which of the story's calls; noCall: it is about the phone itself
	AtOnce bool // within a second of the step before. Otherwise so much time passes that nobody takes it for a repeat
	Again  bool // the phone sends what it says at this moment twice
}

const (
	first  = 0
	second = 1
	noCall = -1
)

// Invented people. Numbers arrive as the PBX gives them: with a plus, with 8, with 7.
var (
	ivan      = Party{User: "+74951230001", Name: "Ivan Petrov"}
	anna      = Party{User: "84951230002"}
	boris     = Party{User: "74951230003", Name: "Boris"}
	romashka  = Party{User: "+74951230004", Name: "ООО Ромашка & Ко"}
	mueller   = Party{User: "+74951230005", Name: "Müller & Söhne"}
	colleague = Party{User: "102", Name: "Olga Sidorova"}
)

func from(p Party) Plan { return Plan{Incoming: true, Other: p} }
func to(p Party) Plan   { return Plan{Other: p} }

// Stories are played with every make of phone.
var Stories = []Story{
	{"an incoming call is answered", []Plan{from(ivan)}, []Step{
		{Words: "Ivan calls", Moment: Rings},
		{Words: "the manager answers", Moment: Answers},
		{Words: "the manager hangs up", Moment: Ends},
	}},
	{"a call is missed", []Plan{from(anna)}, []Step{
		{Words: "Anna, who has no name, calls", Moment: Rings},
		{Words: "nobody answers; the phone stops ringing", Moment: RingsOut},
	}},
	{"the caller gives up", []Plan{from(ivan)}, []Step{
		{Words: "Ivan calls", Moment: Rings},
		{Words: "Ivan gives up while it rings", Moment: CallerGivesUp},
	}},
	{"the manager rejects a call", []Plan{from(boris)}, []Step{
		{Words: "Boris calls", Moment: Rings},
		{Words: "the manager rejects the call", Moment: Rejects},
	}},
	{"a colleague takes the call of a group", []Plan{from(ivan)}, []Step{
		{Words: "Ivan calls, several phones ring", Moment: Rings},
		{Words: "a colleague answers at another phone", Moment: TakenElsewhere},
	}},
	{"an outgoing call is answered", []Plan{to(ivan)}, []Step{
		{Words: "the manager dials Ivan", Moment: Dials},
		{Words: "it rings at Ivan's", Moment: OtherRings},
		{Words: "Ivan answers", Moment: OtherAnswers},
		{Words: "Ivan hangs up", Moment: Ends},
	}},
	{"an outgoing call meets a busy line", []Plan{to(anna)}, []Step{
		{Words: "the manager dials Anna", Moment: Dials},
		{Words: "Anna is busy", Moment: OtherIsBusy},
	}},
	{"the manager gives up an outgoing call", []Plan{to(ivan)}, []Step{
		{Words: "the manager dials Ivan", Moment: Dials},
		{Words: "it rings at Ivan's", Moment: OtherRings},
		{Words: "the manager gives up", Moment: GivesUp},
	}},
	{"nobody answers an outgoing call", []Plan{to(boris)}, []Step{
		{Words: "the manager dials Boris", Moment: Dials},
		{Words: "it rings at Boris's", Moment: OtherRings},
		{Words: "Boris does not answer; the network ends it", Moment: OtherIsSilent},
	}},
	{"a call is put on hold", []Plan{from(ivan)}, []Step{
		{Words: "Ivan calls", Moment: Rings},
		{Words: "the manager answers", Moment: Answers},
		{Words: "the manager puts Ivan on hold", Moment: Holds},
		{Words: "the manager takes Ivan back", Moment: Resumes},
		{Words: "the manager hangs up", Moment: Ends},
	}},
	{"the other side puts us on hold", []Plan{to(ivan)}, []Step{
		{Words: "the manager dials Ivan", Moment: Dials},
		{Words: "Ivan answers", Moment: OtherAnswers},
		{Words: "Ivan puts us on hold", Moment: HeldByOther},
		{Words: "Ivan takes us back", Moment: ResumedByOther},
		{Words: "Ivan hangs up", Moment: Ends},
	}},
	{"a blind transfer", []Plan{from(ivan)}, []Step{
		{Words: "Ivan calls", Moment: Rings},
		{Words: "the manager answers", Moment: Answers},
		{Words: "the manager sends Ivan on to Olga", Moment: TransfersBlind},
		{Words: "the transfer goes through", Moment: TransferGoes},
		{Words: "the phone is out of the call", Moment: Ends},
	}},
	{"an attended transfer", []Plan{from(ivan), to(colleague)}, []Step{
		{Words: "Ivan calls", Moment: Rings},
		{Words: "the manager answers", Moment: Answers},
		{Words: "the manager puts Ivan on hold", Moment: Holds},
		{Words: "the manager dials Olga", Moment: Dials, Call: second},
		{Words: "Olga answers", Moment: OtherAnswers, Call: second},
		{Words: "the manager joins the two", Moment: TransfersAttended},
		{Words: "the transfer goes through", Moment: TransferGoes},
		{Words: "the phone is out of the call with Olga", Moment: Ends, Call: second},
		{Words: "the phone is out of the call with Ivan", Moment: Ends, AtOnce: true},
	}},
	{"a call is forwarded while it rings", []Plan{from(boris)}, []Step{
		{Words: "Boris calls", Moment: Rings},
		{Words: "no answer: the phone sends Boris to Olga", Moment: ForwardsCall},
	}},
	{"two calls at once", []Plan{from(ivan), from(boris)}, []Step{
		{Words: "Ivan calls", Moment: Rings},
		{Words: "Boris calls within the same second", Moment: Rings, Call: second, AtOnce: true},
		{Words: "the manager answers Ivan", Moment: Answers},
		{Words: "the manager puts Ivan on hold", Moment: Holds},
		{Words: "the manager answers Boris", Moment: AnswersWaiting, Call: second},
		{Words: "Boris hangs up", Moment: Ends, Call: second},
		{Words: "the manager takes Ivan back", Moment: Resumes},
		{Words: "the manager hangs up", Moment: Ends},
	}},
	{"a caller withholds the number", []Plan{from(Anonymous)}, []Step{
		{Words: "somebody calls", Moment: Rings},
		{Words: "the manager answers", Moment: Answers},
		{Words: "the manager hangs up", Moment: Ends},
	}},
	{"an internal call", []Plan{from(colleague)}, []Step{
		{Words: "Olga calls from 102", Moment: Rings},
		{Words: "the manager answers", Moment: Answers},
		{Words: "Olga hangs up", Moment: Ends},
	}},
	{"names that are hard to write", []Plan{from(romashka), from(mueller)}, []Step{
		{Words: "Romashka & Ko calls, in Cyrillic", Moment: Rings},
		{Words: "it gives up while it rings", Moment: CallerGivesUp},
		{Words: "Mueller & Soehne calls, with umlauts", Moment: Rings, Call: second},
		{Words: "it gives up while it rings", Moment: CallerGivesUp, Call: second},
	}},
	{"the registration is lost and comes back", nil, []Step{
		{Words: "the PBX is away; the registration is lost", Moment: Unregisters, Call: noCall},
		{Words: "a try fails", Moment: RegisterFails, Call: noCall},
		{Words: "the PBX is back", Moment: Registers, Call: noCall},
	}},
	{"do not disturb and forwarding", nil, []Step{
		{Words: "do not disturb is switched on", Moment: DNDOn, Call: noCall},
		{Words: "do not disturb is switched off", Moment: DNDOff, Call: noCall},
		{Words: "all calls are forwarded to Olga", Moment: ForwardOn, Call: noCall},
		{Words: "no more", Moment: ForwardOff, Call: noCall},
		{Words: "calls are forwarded when busy", Moment: BusyForwardOn, Call: noCall},
		{Words: "no more", Moment: BusyForwardOff, Call: noCall},
	}},
	{"the phone restarts between two calls", []Plan{from(ivan), from(boris)}, []Step{
		{Words: "Ivan calls", Moment: Rings},
		{Words: "the manager answers", Moment: Answers},
		{Words: "the manager hangs up", Moment: Ends},
		{Words: "somebody restarts the phone", Moment: ShutsDown, Call: noCall},
		{Words: "it has started; call ids begin anew", Moment: Boots, Call: noCall},
		{Words: "it is registered", Moment: RegistersFirst, Call: noCall},
		{Words: "Boris calls", Moment: Rings, Call: second},
		{Words: "the manager answers", Moment: Answers, Call: second},
		{Words: "the manager hangs up", Moment: Ends, Call: second},
	}},
	{"the phone repeats itself", []Plan{from(ivan)}, []Step{
		{Words: "Ivan calls; the phone says it twice", Moment: Rings, Again: true},
		{Words: "the manager answers; it says it twice", Moment: Answers, Again: true},
		{Words: "the manager hangs up; it says it twice", Moment: Ends, Again: true},
	}},
	{"the same caller calls again at once", []Plan{from(ivan), from(ivan)}, []Step{
		{Words: "Ivan calls", Moment: Rings},
		{Words: "Ivan gives up while it rings", Moment: CallerGivesUp},
		{Words: "Ivan calls again within the second", Moment: Rings, Call: second, AtOnce: true},
		{Words: "the manager answers", Moment: Answers, Call: second},
		{Words: "the manager hangs up", Moment: Ends, Call: second},
	}},
}

// Play is a story as one phone lives through it.
type Play struct {
	phone *Phone
	plans []Plan
	calls map[int]*Call
}

// Play begins a story.
func (p *Phone) Play(s Story) *Play { return &Play{phone: p, plans: s.Calls, calls: map[int]*Call{}} }

// Hits are what the phone sends at a step, and the call that it is about, which begins when it is first heard of.
func (p *Play) Hits(step Step) ([]Hit, *Call) {
	if step.Moment == Boots {
		p.phone.Restart()
	}
	call := p.callOf(step)
	hits := p.phone.Hits(step.Moment, call)
	if step.Again {
		hits = slices.Concat(hits, hits)
	}
	return hits, call
}

func (p *Play) callOf(step Step) *Call {
	if step.Call == noCall {
		return nil
	}
	if p.calls[step.Call] == nil {
		plan := p.plans[step.Call]
		p.calls[step.Call] = p.phone.NewCall(plan.Incoming, plan.Other)
	}
	return p.calls[step.Call]
}
