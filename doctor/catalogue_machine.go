package doctor

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// rate is a number of messages a second for people.
func rate(perSecond float64) string { return strconv.FormatFloat(perSecond, 'g', 4, 64) + "/s" }

var watches = needs("watch")

// inboxes judges each inbox.
func (f *Facts) inboxes(l *lines, judge func(in Inbox)) {
	seen := false
	for _, in := range f.Inboxes {
		if !in.Missing && in.Problem == "" {
			seen = true
			judge(in)
		}
	}
	if !seen {
		l.cannot("no inbox could be looked at")
	}
}

var inboxLooks = []string{"inbox *"}

var inboxChecks = []Check{
	{
		Code: "DR0701", Category: "inboxes", Title: "the inboxes can be read",
		Do:    "Make the folder, mount it, or give usher's user the right to read it.",
		looks: inboxLooks, skip: watches,
		judge: func(f *Facts, l *lines) {
			var all []string
			for _, in := range f.Inboxes {
				all = append(all, in.Source)
				switch {
				case in.Missing && (f.Pre || in.Made):
					l.say("%s is made at the first start", in.Source)
				case in.Missing:
					l.bad("%s: the folder is not there", in.Source)
				case in.Problem != "":
					l.bad("%s: %s", in.Source, in.Problem)
				}
			}
			if l.says == "" {
				l.say("%s", strings.Join(all, ", "))
			}
		},
	},
	{
		Code: "DR0702", Category: "inboxes", Title: "files can be renamed in them",
		Do:    "Give usher's user the right to write into the folder and into `.usher` in it: usher claims a file by renaming it. `--probe` tries it with a file of its own.",
		looks: inboxLooks, skip: watches,
		judge: func(f *Facts, l *lines) {
			f.inboxes(l, func(in Inbox) {
				switch {
				case in.Rename != "":
					l.bad("%s: %s", in.Source, in.Rename)
				case in.NoWrite:
					l.bad("%s: usher's user may not write there", in.Source)
				case in.Probed:
					l.say("tried")
				}
			})
		},
	},
	{
		Code: "DR0703", Category: "inboxes", Title: "what is claimed stays on the inbox's mount",
		Do:    "Take the mount or the link away that is at `.usher` in the inbox: a claim is a rename, which works within one file system only.",
		looks: inboxLooks, skip: watches,
		judge: func(f *Facts, l *lines) {
			f.inboxes(l, func(in Inbox) {
				if in.Apart {
					l.bad("%s: its folder .usher is on another mount", in.Source)
				}
			})
		},
	},
	{
		Code: "DR0704", Category: "inboxes", Title: "a file is known to be complete at once",
		Do:    "Nothing is wrong, only slower: usher waits until a file is quiet for five seconds. On a local disk let usher own the files or give it CAP_LEASE; on a network mount ask for a sign with `--complete` (docs/uploads.md).",
		looks: inboxLooks, skip: watches,
		judge: func(f *Facts, l *lines) {
			tried := false
			f.inboxes(l, func(in Inbox) {
				tried = tried || in.Probed
				switch {
				case in.Network:
					l.warn("%s: its file system does not tell who writes on other machines", in.Source)
				case in.Lease != "":
					l.warn("%s: no lease on a file: %s", in.Source, in.Lease)
				}
			})
			if l.mark == OK && !tried {
				l.cannot("leases are tried with --probe")
			}
		},
	},
	{
		Code: "DR0705", Category: "inboxes", Title: "no file waits to be taken",
		Do:    "Start the watch role. Where it runs, the file may still be written, or the inbox waits for a sign that it is complete; `usher status` says which.",
		looks: inboxLooks, skip: first(watches, running),
		judge: func(f *Facts, l *lines) {
			f.inboxes(l, func(in Inbox) {
				if d, err := time.ParseDuration(in.Oldest); err == nil && d > 10*time.Minute {
					l.warn("%s: %s, the oldest for %s", in.Source, plural(in.Waiting, "file"), in.Oldest)
				}
			})
		},
	},
	{
		Code: "DR0706", Category: "inboxes", Title: "enough people can decide where two have to",
		Do:    "Give another person an account that may decide there, `usher account add NAME --role verifier`, and let them sign in once; until then no one of that inbox is approved. NATS's account `admin` may look (`--nats-user admin`).",
		looks: []string{"accounts"}, skip: first(needs("console", "bridge"), running),
		judge: func(f *Facts, l *lines) {
			if len(f.NATS.Needs) == 0 {
				l.cannot("one person decides in every inbox: there is no --four-eyes")
				return
			}
			for _, inbox := range names(f.NATS.Needs) {
				if could, need := f.NATS.Deciders[inbox], f.NATS.Needs[inbox]; could < need {
					l.bad("%s: %d of the %d accounts that it takes may decide there and can sign in", inbox, could, need)
				}
			}
		},
	},
}

const (
	leastFree  = 200 << 20 // bytes without which usher and the servers soon cannot write
	littleFree = 1 << 30
	fewOpen    = 4096 // files that a process may have open
)

var machineLooks = []string{"this machine"}

var machineChecks = []Check{
	{
		Code: "DR0801", Category: "this machine", Title: "the data folder can be written",
		Do:    "Give usher's user the folder of `--data`, or name another one.",
		looks: machineLooks,
		judge: func(f *Facts, l *lines) {
			if f.Machine.DataProblem != "" {
				l.bad("%s", f.Machine.DataProblem)
			}
		},
	},
	{
		Code: "DR0802", Category: "this machine", Title: "there is room on the disk",
		Do:    "Make room, or move the data folder to a larger disk. `--max-store` bounds the streams, `--keep-files` the archive.",
		looks: machineLooks,
		judge: func(f *Facts, l *lines) {
			m := f.Machine
			room := fmt.Sprintf("%s of %s are free", size(int64(m.Free)), size(int64(m.Size)))
			l.say("%s", room)
			switch {
			case m.Free < leastFree:
				l.bad("%s", room)
			case m.Free < littleFree, m.Free < m.Size/20:
				l.warn("%s", room)
			}
			switch {
			case m.Files > 0 && m.FreeFiles == 0:
				l.bad("the file system holds no more files, although it has room (inodes)")
			case m.Files > 0 && m.FreeFiles < m.Files/50:
				l.warn("the file system can hold %d more files only (inodes)", m.FreeFiles)
			}
			if grow := f.growth(); f.Up && grow > int64(m.Free) {
				l.warn("the streams may still take %s, which is %s more than is free", size(grow), size(grow-int64(m.Free)))
			}
		},
	},
	{
		Code: "DR0803", Category: "this machine", Title: "usher may have enough files open",
		Do:    "Raise the limit: `LimitNOFILE=65536` in the unit, or `ulimit -n`.",
		looks: machineLooks,
		judge: func(f *Facts, l *lines) {
			whose := "this command"
			if f.Machine.OfUsher {
				whose = "the running usher"
			}
			if l.say("%d, %s", f.Machine.Open, whose); f.Machine.Open < fewOpen {
				l.warn("%s may have %d open, and %d are needed under load", whose, f.Machine.Open, fewOpen)
			}
		},
	},
	{
		Code: "DR0804", Category: "this machine", Title: "files with keys are for usher's user alone",
		Do:    "`chmod 600 FILE`, and change the key if others may have read it (docs/security.md).",
		looks: machineLooks,
		judge: func(f *Facts, l *lines) {
			for _, name := range f.Machine.OpenKeys {
				l.warn("everybody on this machine may read %s", name)
			}
		},
	},
	{
		Code: "DR0805", Category: "this machine", Title: "the ports that usher listens on are free",
		Do:    "Stop what listens there, or give usher another address with the flag that is named. Several roles on one machine each need an `--ops-addr` of their own.",
		looks: machineLooks,
		skip: func(f *Facts) string {
			if f.Pre {
				return ""
			}
			return "before the first start only (--pre)"
		},
		judge: func(f *Facts, l *lines) {
			for _, t := range f.Machine.Taken {
				l.bad("%s", t)
			}
		},
	},
}

// growth is how much the streams may still take.
func (f *Facts) growth() (left int64) {
	for _, i := range f.NATS.Streams {
		left += max(i.Config.MaxBytes-int64(i.State.Bytes), 0)
	}
	return left
}
