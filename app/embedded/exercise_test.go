//go:build !noembed

package embedded

import (
	"testing"

	"usher/app/sim/exercise"
)

// The real server answers what the model of the simulation answers.
func TestExercise(t *testing.T) { exercise.Run(t, dialTemporal(t)) }
