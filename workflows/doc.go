// Package workflows holds the onboarding of one user as a Temporal workflow, and
// the activities that touch the world on its behalf.
//
// Onboard waits for the decision about a user, for minutes or weeks, takes
// corrected data while it waits, then activates the account and sends the
// welcome, each channel as an activity with its own retries. What becomes true
// is told in facts. A fact is handed to the activity that runs next anyway, or
// to a local activity when none does, and carries a number n by which readers
// restore the order.
//
// Files: workflows.go is the story, state.go what an event does to it,
// activities.go and those beside it the steps, worker.go how they are
// registered. What stands in workflows.go, state.go, late.go, window.go,
// foureyes.go, steps.go, delivery.go and account.go is one state, and these files
// call each other: an event may come at any wait of any step, and what it changes
// may need a step of its own.
//
// Workflow code is deterministic: no clock, no randomness, no map
// order, no encoding; the tool workflowcheck watches over it.
package workflows
