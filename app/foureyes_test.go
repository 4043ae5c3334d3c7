package app

import (
	"log/slog"
	"slices"
	"strings"
	"testing"

	"usher/event"
	"usher/streams/natstest"
)

func TestWhereTwoPeopleDecide(t *testing.T) {
	c := Config{Base: Base{Data: "."}, Intake: Intake{Inboxes: Inboxes{Inbox: map[string]string{"hr": "/x"}}}, Limits: DefaultLimits(), Roles: AllRoles}
	for _, tc := range []struct {
		rules   []string
		systems map[string]string
		wrong   string // "" for nothing
	}{
		{[]string{"hr", "inbox=both"}, map[string]string{"hr": "sap+crm"}, ""},
		{[]string{"hr=approvals"}, nil, ""},
		{[]string{"hr=all"}, nil, "approvals or both"},
		{[]string{"hr="}, nil, "approvals or both"},
		{[]string{"HR"}, nil, "--four-eyes: "},
		{[]string{"hr", "hr=both"}, nil, "it is there twice"},
		{[]string{"rh"}, nil, "there is no such inbox"},
		{[]string{"canary"}, nil, "canary users decide about themselves"},
		{nil, map[string]string{"hr": "crm"}, "the inbox needs --four-eyes hr as well"},
		{[]string{"hr"}, map[string]string{"hr": "crm+CRM"}, "--four-eyes-systems hr: "},
		{[]string{"hr"}, map[string]string{"hr": "cli"}, "no system that decides by itself"},
		{[]string{"hr"}, map[string]string{"hr": "console"}, "no system that decides by itself"},
	} {
		c.FourEyes, c.FourEyesSystems = tc.rules, tc.systems
		err := c.Validate()
		if (err == nil) != (tc.wrong == "") || err != nil && !strings.Contains(err.Error(), tc.wrong) {
			t.Errorf("%v %v: %v", tc.rules, tc.systems, err)
		}
	}

	c.FourEyes, c.FourEyesSystems = []string{"hr", "other=both"}, map[string]string{"hr": "sap+crm"}
	s := c.inboxSettings()
	if r := s["hr"].FourEyes; r == nil || r.Rejections || !slices.Equal(r.Systems, []string{"crm", "sap"}) || r.People() != 1 {
		t.Errorf("hr: %+v", r)
	}
	if r := s["other"].FourEyes; r == nil || !r.Rejections || r.People() != 2 { // a bridge does not know the watcher's inboxes
		t.Errorf("other: %+v", r)
	}
	for _, inbox := range []string{event.SourceInbox, event.SourceCanary} {
		if s[inbox].FourEyes != nil {
			t.Errorf("two people decide about %s", inbox)
		}
	}
	var log natstest.Output
	(&process{Config: c, Env: Env{Log: slog.New(slog.NewTextHandler(&log, nil))}}).sayFourEyes()
	for _, inbox := range []string{"hr", "other"} {
		if !strings.Contains(log.String(), "source="+inbox+"\n") {
			t.Errorf("a bridge does not say that two decide in %s:\n%s", inbox, log.String())
		}
	}
}
