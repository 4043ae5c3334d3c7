package app

import (
	"time"

	"usher/event"
	"usher/streams"
)

// chores carries out what people ask a role for at a console.
func (p *process) chores(c streams.Chores) part {
	c.JetStream, c.Me, c.Guard, c.Log = p.js, event.NewID(), p.life.guard, p.Log
	c.Count = func(do, result string) { p.shared.Chores.WithLabelValues(do, result).Inc() }
	return part{"chores of the " + c.Role, c.Run, 2 * time.Second}
}

// choresOfBridge are about dead letters and messages to be sent again.
func (p *process) choresOfBridge() part {
	return p.chores(streams.Chores{Role: event.ChoresOfBridge, Letter: streams.NewLetters(p.js).Chore, Message: streams.NewMessages(p.people, p.pub).Chore})
}

// choresOfWorker are about addresses that get no messages, and messages that arrived.
func (p *process) choresOfWorker(list *streams.Delivery) part {
	return p.chores(streams.Chores{Role: event.ChoresOfWorker, Entry: list.Chore, Message: streams.NewMessages(p.people, p.pub).Chore})
}
