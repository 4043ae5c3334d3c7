// Package bulk keeps decisions about many people, so that they outlive the console
// that began them.
//
// An operation is a record in KV CONSOLE, `bulk.<id>`, and beside it chunks with the
// people that it is about, `bulk.<id>.<n>`: user ids and generations, and no other
// data of theirs. The chunks are written first and never change. What is true of the
// operation stands in the record, which is changed by compare-and-set only: who of two
// was first, one that starts it and one that takes it back, the server decides.
//
// One console at a time carries an operation out. It holds the operation by writing
// its name into the record, and by writing the record again and again; another one
// takes it when it has not seen the record change for the time of a lease. No clock of
// two machines is compared for that. One that was cut off may still say a decision that
// another says too: then it is the same event, because its id is made of the
// operation, the person and the generation.
//
// What became of each decision is not kept here: the streams tell it.
package bulk
