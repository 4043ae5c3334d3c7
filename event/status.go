package event

// Transition is one way from a status to the next.
type Transition struct {
	From, To Status // From is "" before the first event
	Why      string // in words
}

// Transitions are all ways that a user's status may take, as facts tell it. The
// picture in docs/workflow.md and the tests are made from this list.
func Transitions() []Transition {
	moves := []Transition{
		{"", StatusWaiting, "a list brings the user"},
		{"", StatusParked, "a decision comes first"},
		{StatusParked, StatusWaiting, "a list brings the user"},
		{StatusWaiting, StatusApproved, "approved"},
		{StatusWaiting, StatusRejected, "rejected"},
		{StatusWaiting, StatusExpired, "no one decided in time"},
		{StatusWaiting, StatusWithdrawn, "withdrawn"},
		{StatusApproved, StatusActive, "the account is usable"},
		{StatusApproved, StatusFailed, "the account is refused for good"},
		{StatusApproved, StatusWithdrawn, "withdrawn"},
		{StatusActive, StatusWelcomed, "every message was accepted"},
		{StatusActive, StatusPartlyWelcomed, "some were"},
		{StatusActive, StatusUnreached, "none was"},
		{StatusActive, StatusWithdrawn, "withdrawn"},
		{StatusWithdrawn, StatusFailed, "the account cannot be undone"},
		{StatusRejected, StatusFailed, "the account of an earlier generation cannot be undone"},
		{StatusUnreached, StatusFailed, "the account cannot be undone"},
		{StatusUnreached, StatusPartlyWelcomed, "sent again"},
		{StatusUnreached, StatusWelcomed, "sent again"},
		{StatusPartlyWelcomed, StatusWelcomed, "sent again"},
		{StatusWelcomed, StatusWithdrawn, "withdrawn"},
		{StatusPartlyWelcomed, StatusWithdrawn, "withdrawn"},
		{StatusUnreached, StatusWithdrawn, "withdrawn"},
		{StatusParked, StatusExpired, "reopened, and its record never came again"},
	}
	for _, s := range Statuses() {
		if s.Final() {
			moves = append(moves, Transition{s, StatusWaiting, "reopened"}, Transition{s, StatusParked, "reopened without its record"})
		}
	}
	return moves
}
