package console

import (
	"encoding/json"
	"net/http"
)

func problem(text string) map[string]string { return map[string]string{"error": text} }

// refuse tells a program what is wrong; details are in the log only.
func (k *Console) refuse(w http.ResponseWriter, err error) {
	code, text := k.tellable(err)
	writeJSON(w, code, problem(text))
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v) // the client is gone
}
