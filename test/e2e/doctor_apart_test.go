package e2e

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/callbus/callbus/internal/broker"
	"github.com/callbus/callbus/internal/natstest"
	"github.com/callbus/callbus/services/onec-adapter/onectest"
	"github.com/callbus/callbus/test/farm"
	"github.com/callbus/callbus/test/rig"
)

// openIngest is a clinic without an adapter.
func openIngest(t *testing.T) *clinic {
	t.Helper()
	c := &clinic{t: t, data: t.TempDir(), phones: rig.FreeAddr(t), nats: rig.FreeAddr(t), admin: rig.FreeAddr(t)}
	c.up = rig.Start(t, ingestProgram(t), "--store", c.data, "--store-max", "16MiB", "--http", c.phones, "--admin", c.admin, "--nats-listen", c.nats)
	c.up.Says("phones.welcome")
	return c
}

func (c *clinic) finds(f fault) {
	c.t.Helper()
	f.code = 1
	claim(c, f, nil)
	if d := c.diagnose(); strings.Join(d.ids, " ") != f.ids {
		c.t.Errorf("callbus doctor --json: got %q, want %q: %+v", d.ids, f.ids, d.findings)
	}
}

func TestTheDoctorFindsANATSWithoutCalls(t *testing.T) {
	t.Parallel()
	c := &clinic{t: t, data: t.TempDir(), nats: rig.FreeAddr(t), admin: rig.FreeAddr(t)}
	b, err := broker.Start(broker.Options{Dir: c.data, Listen: c.nats, Room: 16 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Stop()
	c.finds(fault{ids: "no-calls-stream", en: "NATS has no stream CALLS", ru: "В NATS нет потока CALLS"})
}

func TestTheDoctorFindsEventsThatNobodyTakes(t *testing.T) {
	t.Parallel()
	c := openIngest(t)
	c.hits("incoming", "answered", "ended")
	c.finds(fault{ids: "no-target", en: "Nobody takes the events to 1C: 3 are stored", ru: "Никто не передаёт события в 1С: сохранено 3"})
}

func TestTheDoctorFindsATargetThatNobodyWorksOn(t *testing.T) {
	t.Parallel()
	c := openIngest(t)
	in := ingest{c.up, rig.Ingest{Phones: c.phones, NATS: "nats://" + c.nats, Creds: filepath.Join(c.data, broker.CredsFile)}}
	adapter := startAdapter(t, in, standin(t, onectest.Options{}))
	adapter.Signal(syscall.SIGTERM)
	if err := adapter.Wait(); err != nil {
		t.Fatal(err)
	}
	c.happened("102", time.Now().Add(-10*time.Minute))
	c.finds(fault{ids: "target-idle", en: "No adapter works on target main: the oldest event waits for 10 min, 0 behind it", ru: "С получателем main никто не работает"})
}

func TestTheDoctorPromisesNoDeliveryToATargetThatWasForgotten(t *testing.T) {
	t.Parallel()
	c := openIngest(t)
	nats, admin := "nats://"+c.nats, rig.FreeAddr(t)
	adapter := rig.Start(t, adapterProgram(t), "--nats", nats, "--nats-creds", filepath.Join(c.data, broker.CredsFile), "--onec-url", "http://"+rig.FreeAddr(t)+"/ws", "--admin", admin)
	adapter.Says("target.away")
	c.admin += "," + admin
	rig.Run(t, callbusProgram(t), "targets", "forget", "main", "--yes", "--data", c.data, "--nats", nats)
	c.finds(fault{ids: "target-forgotten", en: "The target has been forgotten: no calls are kept for it", ru: "Получатель забыт: звонки для него не сохраняются"})
}

// startNATS is a NATS of its own, as an office may have it, and is none of ours.
func startNATS(t *testing.T) (addr string) {
	t.Helper()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("NATS is not ready")
	}
	return s.Addr().String()
}

func TestTheDoctorFindsADeadIngest(t *testing.T) {
	t.Parallel()
	c := &clinic{t: t, data: t.TempDir(), phones: rig.FreeAddr(t), nats: "user:password@" + startNATS(t), admin: rig.FreeAddr(t)}
	up := rig.Start(t, ingestProgram(t), "--nats", "nats://"+c.nats, "--store-max", "16MiB", "--http", c.phones, "--admin", c.admin)
	up.Says("store.ready")
	admin := rig.FreeAddr(t)
	adapter := rig.Start(t, adapterProgram(t), "--nats", "nats://"+c.nats, "--onec-url", standin(t, onectest.Options{}).URL(), "--admin", admin)
	adapter.Says("target.plan")
	c.admin += "," + admin
	if d := c.diagnose(); d.code != 0 || len(d.findings) > 0 {
		t.Errorf("with both at work: got exit code %d and %+v, want none", d.code, d.findings)
	}
	up.Signal(syscall.SIGKILL)
	_ = up.Wait()
	c.finds(fault{ids: "ingest-silent", en: "FAULT  No ingest answers (" + strings.ReplaceAll(c.admin, ",", ", "), ru: "СБОЙ  ingest не отвечает ("})
	adapter.Signal(syscall.SIGKILL)
	_ = adapter.Wait()
	c.finds(fault{ids: "admin-silent", en: "WARNING  No admin port answers", ru: "ВНИМАНИЕ  Служебный порт не отвечает"})
}

func TestTheDoctorFindsAStoreThatIsAway(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	c := &clinic{t: t, data: t.TempDir(), phones: rig.FreeAddr(t), nats: strings.TrimPrefix(server.URL(), "nats://"), admin: rig.FreeAddr(t)}
	up := rig.Start(t, ingestProgram(t), "--nats", server.URL(), "--nats-creds", server.Creds(), "--http", c.phones, "--admin", c.admin)
	up.Says("store.ready")
	c.creds = server.Creds()
	server.Stop()
	c.finds(fault{ids: "nats-away store-frozen", en: "Calls cannot be stored, phones are answered 503: NATS is away", ru: "Звонки не сохраняются, телефоны получают 503: NATS недоступен"})
}

func TestTheDoctorFindsACertificateThatEnds(t *testing.T) {
	t.Parallel()
	for _, f := range []struct {
		until  time.Duration
		en, ru string
	}{
		{5 * 24 * time.Hour, "The certificate of --https expires in 4 d", "Сертификат --https истекает через 4 дн."},
		{-5 * 24 * time.Hour, "The certificate of --https expired 5 d ago", "Сертификат --https истёк 5 дн. назад"},
	} {
		cert := rig.CertificateUntil(t, time.Now().Add(f.until))
		c := openClinic(t, "--https", "127.0.0.1:0", "--tls-cert", cert.Chain, "--tls-key", cert.Key)
		c.finds(fault{ids: "certificate", en: f.en, ru: f.ru})
	}
}

func TestADoctorThatCannotLookSaysSo(t *testing.T) {
	t.Parallel()
	c := openClinic(t)
	for name, change := range map[string]func(*clinic){
		"no key":       func(c *clinic) { c.data = t.TempDir() },
		"another key":  func(c *clinic) { c.data = openIngest(t).data },
		"another NATS": func(c *clinic) { c.nats = rig.FreeAddr(t) }, // the process says that it is ready
	} {
		other := *c
		change(&other)
		if text, code := other.ask(); code != 2 {
			t.Errorf("%s: exit code %d, want 2:\n%s", name, code, text)
		}
	}
	if text, code := c.ask("--no-such-flag"); code != 2 {
		t.Errorf("a wrong flag: exit code %d, want 2:\n%s", code, text)
	}
}

// Phones of every vendor, each as it is, tell all stories: none of their quirks is a fault.
func TestAHealthyOfficeHasNoFindings(t *testing.T) {
	t.Parallel()
	c := openClinic(t)
	for i, m := range farm.Makes {
		p := farm.NewPhone(m, i+1, fmt.Sprintf("127.77.0.%d", i+1), fmt.Sprint(101+i), "Manager")
		p.Provision("http://"+c.phones, "")
		for range 2 {
			for _, s := range farm.Stories {
				tell(t, p, s)
			}
		}
	}
	rig.Until(t, "all phones in the book", func() (any, bool) {
		list := rig.Run(t, callbusProgram(t), "phones", "--data", c.data, "--nats", "nats://"+c.nats, "--lang", "en")
		return list, strings.Count(list, "\n") == len(farm.Makes)+1
	})
	if d := c.diagnose(); d.code != 0 || len(d.findings) > 0 {
		t.Errorf("got exit code %d and %+v, want none", d.code, d.findings)
	}
	rig.Claim(t, "callbus phones", rig.Run(t, callbusProgram(t), "phones", "--data", c.data, "--nats", "nats://"+c.nats, "--lang", "ru"), "ЛИНИЯ", "127.77.0.1", "входящий")
	text, _ := c.ask("--lang", "ru")
	rig.Claim(t, "callbus doctor", text, fmt.Sprintf("Всё в порядке. Известно телефонов: %d, отказов с", len(farm.Makes)))
}

func tell(t *testing.T, p *farm.Phone, s farm.Story) {
	t.Helper()
	play := p.Play(s)
	for _, step := range s.Steps {
		hits, _ := play.Hits(step)
		for _, h := range hits {
			if answer, err := p.Send(h); err != nil || answer.Status != 200 {
				t.Errorf("%s, %q: %+v, %v", p.Make.Name, step.Words, answer, err)
			}
		}
	}
}
