package bridge

import (
	"fmt"
	"testing"

	"usher/event"
)

// The rule and who uploaded the file reach a run whichever comes first, the record or a
// decision; and a decision is whose its subject says, whatever it names in the body.
func TestTheRuleOfTwoPeopleReachesTheRun(t *testing.T) {
	r := newRig(t)
	rule := event.FourEyes{Rejections: true, Systems: []string{"crm"}}
	r.with = func(c *Config) {
		s := event.DefaultSettings()
		s.FourEyes = &rule
		c.Inboxes = map[string]event.Settings{"hr": s}
	}
	r.run()
	record := func(source, userID string) {
		r.publish(event.ImportedSubject(source), "r-"+userID, fmt.Sprintf(`{"user_id":%q,"email":"x@example.org","import":{"id":"i","file":"f","record":1,"line":2,"uploaded_by":"ann"}}`, userID))
	}
	record("hr", "u-1")
	record("inbox", "u-2")
	r.publish("verifications.v1.crm.approved", "v3", `{"user_id":"u-3","actor":"ben"}`)
	r.waitOutcomes(map[string]float64{"USERS started": 2, "VERIFICATIONS parked": 1})
	record("hr", "u-3")
	r.waitOutcomes(map[string]float64{"USERS started": 2, "USERS signalled": 1, "VERIFICATIONS parked": 1})

	ruled := func(s event.Settings, u *event.User) string {
		if s.FourEyes == nil {
			return "one decides, uploaded by " + u.Import.UploadedBy
		}
		return fmt.Sprintf("two decide %+v, uploaded by %s", *s.FourEyes, u.Import.UploadedBy)
	}
	two := "two decide " + fmt.Sprintf("%+v", rule) + ", uploaded by ann"
	started := r.runs.byUser
	for userID, want := range map[string]string{"u-1": two, "u-2": "one decides, uploaded by ann"} {
		if in := started[userID].in; ruled(in.Settings, in.User) != want {
			t.Errorf("%s: %s, want %s", userID, ruled(in.Settings, in.User), want)
		}
	}
	brought, said := started["u-3"].brought, started["u-3"].said
	if brought.Settings == nil || ruled(*brought.Settings, &brought.User) != two {
		t.Errorf("the parked run got %+v", brought)
	}
	if rule.Voter(said) != "a system" {
		t.Errorf("crm names a person, and speaks for %q", rule.Voter(said))
	}
}
