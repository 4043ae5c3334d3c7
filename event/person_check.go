package event

import (
	"fmt"
	"strconv"
	"strings"
)

// Check tells what is wrong with a record, if anything. Every verb keeps it.
func (p *Person) Check() error {
	final := p.Status.Final()
	for _, rule := range []struct {
		holds bool
		says  string
	}{
		{p.Generation >= 1, "the generations count from 1"},
		{final || p.Status == StatusWaiting, "a person waits until the onboarding is over"},
		{final || p.Decided == nil && p.N == 0, "nothing is decided before the end"},
		{!final || p.Trouble == nil, "after the end nothing waits for an account"},
		{final || p.Order == nil, "an order is carried out after the end"},
		{p.Order == nil || p.Did(p.Order.Identity) || len(p.Orders) == MaxOrders, "what is carried out is remembered"},
		{len(p.Orders) <= MaxOrders, "not more than MaxOrders are remembered"},
		{!p.Forgotten || final, "a person is forgotten only after the end"},
		{!p.Forgotten || p.Record == 0 && p.Account == nil && len(p.Sends) == 0 && p.Opened == Opened{}, "of the forgotten, nothing is kept"},
	} {
		if !rule.holds {
			return fmt.Errorf("a person in generation %d, %s: %s", p.Generation, p.Status, rule.says)
		}
	}
	for i, o := range p.Orders {
		for _, earlier := range p.Orders[:i] {
			if earlier.Identity == o.Identity {
				return fmt.Errorf("the order %s is remembered twice", o.Identity)
			}
			if earlier.Place.After(o.Place) {
				return fmt.Errorf("the order %s stands after a later one", o.Identity)
			}
		}
	}
	for key := range p.Sends {
		g, _, _ := strings.Cut(key, ".")
		if n, err := strconv.Atoi(g); err != nil || n > p.Generation {
			return fmt.Errorf("a message of generation %s to a person in generation %d", g, p.Generation)
		}
	}
	return nil
}
