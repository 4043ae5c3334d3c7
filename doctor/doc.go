// Package doctor looks at everything that usher depends on, and says what is wrong and
// how to mend it.
//
// It works in two steps. [Examine] takes looks at servers, folders and providers, side
// by side and each with a limit of its own, and writes down what it saw as [Facts].
// [Judge] makes a line of each check from the facts alone. So what a look saw can be
// put into a file ([WriteBundle]), and judged elsewhere with the same result.
//
// Facts hold no secret and no personal data: nothing of that kind is asked for, and
// what a server says is cleaned before it is judged. Nothing is written to any server
// or folder, unless a probe is asked for; then what is written is taken away again.
//
// The catalogue of checks ([Checks]) is also the table of docs/doctor.md.
package doctor
