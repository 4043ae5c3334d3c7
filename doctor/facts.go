package doctor

import (
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"usher/event"
)

// format of Facts, which a bundle names.
const format = 1

// Facts are what the looks saw. All of it may be given away.
type Facts struct {
	Format  int       `json:"format"`
	Taken   time.Time `json:"taken"`
	Version string    `json:"version"` // of usher
	Up      bool      `json:"up"`      // the servers are those of a running `usher up`
	Pre     bool      `json:"pre"`     // before the first start
	Probe   bool      `json:"probe"`   // something was written, and taken away again
	Roles   []string  `json:"roles"`   // that are meant to run

	Settings  Settings   `json:"settings"`
	Keys      Keys       `json:"keys"`
	Issuer    Issuer     `json:"issuer,omitzero"`
	NATS      NATS       `json:"nats"`
	Temporal  Temporal   `json:"temporal"`
	Providers []Provider `json:"providers"`
	Workers   int        `json:"workers"` // that send, as the command was told
	Catcher   bool       `json:"catcher"` // of `usher up`, which takes what no provider is named for
	Inboxes   []Inbox    `json:"inboxes"`
	Machine   Machine    `json:"machine"`
	Ops       Ops        `json:"ops"`
	Looks     []Look     `json:"looks"`
}

// Look is how one look went.
type Look struct {
	Name    string        `json:"name"`
	Took    time.Duration `json:"took"`
	Hung    bool          `json:"hung,omitempty"` // it did not end within its limit
	Problem string        `json:"problem,omitempty"`
}

// Settings are what is wrong with them.
type Settings struct {
	Problems []string `json:"problems"`
	Site     Site     `json:"site"`
}

// Site is what the settings say about the way to the console.
type Site struct {
	HTTPS   bool `json:"https,omitempty"`   // people come by https, so there is a proxy before it
	Plain   bool `json:"plain,omitempty"`   // they come unencrypted from other machines
	Proxies int  `json:"proxies,omitempty"` // networks that are trusted
}

// Issuer is who vouches for people at the console.
type Issuer struct {
	Host    string `json:"host,omitempty"` // "": there is none
	Problem string `json:"problem,omitempty"`
}

// Keys are told by what identifies them without giving them away.
type Keys struct {
	ID             string   `json:"id"` // fingerprint
	IDProblem      string   `json:"id_problem,omitempty"`
	Payload        []string `json:"payload"` // ids, the one that encrypts first
	PayloadProblem string   `json:"payload_problem,omitempty"`
}

// NATS is what was seen of it.
type NATS struct {
	Own     bool     `json:"own"` // `usher up` will start its own
	Servers []Server `json:"servers"`
	Role    string   `json:"role"`    // whose account is used
	Guarded bool     `json:"guarded"` // by a name and a password, or a key

	JetStream string `json:"jetstream,omitempty"` // why it cannot be asked
	APILevel  int    `json:"api_level"`           // -1 when the account may not ask
	Used      int64  `json:"used"`                // bytes
	Limit     int64  `json:"limit"`               // of the account; not above 0: none
	Want      int64  `json:"want"`                // that the streams of a new system reserve

	Clock     Clock                              `json:"clock"`
	Streams   map[string]*jetstream.StreamInfo   `json:"streams"`
	Missing   []string                           `json:"missing"`
	Denied    []string                           `json:"denied"` // streams and consumers that the account may not look at
	Consumers map[string]*jetstream.ConsumerInfo `json:"consumers"`
	Unmade    []string                           `json:"unmade"` // consumers that are not there

	Paused map[event.Stage]string `json:"paused"` // since when, and until when

	Deciders map[string]int `json:"deciders,omitempty"` // accounts that could decide, by inbox in which two people do
	Needs    map[string]int `json:"needs,omitempty"`    // how many of them it takes there

	Rights []Right `json:"rights"`
	Forges bool    `json:"forges"` // the account may speak as an upstream system

	Sync        string `json:"sync,omitempty"` // "always", or how often
	SyncProblem string `json:"sync_problem,omitempty"`
}

// Server is one of NATS.
type Server struct {
	Addr     string    `json:"addr"`
	Name     string    `json:"name,omitempty"`
	Version  string    `json:"version,omitempty"`
	Cluster  string    `json:"cluster,omitempty"`
	Problem  string    `json:"problem,omitempty"`
	Refused  bool      `json:"refused,omitempty"` // the credentials
	Local    bool      `json:"local"`             // on this machine
	TLS      bool      `json:"tls"`
	CertEnds time.Time `json:"cert_ends,omitzero"`
}

// Clock is how far another clock is ahead of ours. Within is how exact that is: the
// difference lies between Ahead and Ahead+Within.
type Clock struct {
	Seen   bool          `json:"seen"`
	Ahead  time.Duration `json:"ahead"`
	Within time.Duration `json:"within"`
}

// Right is one that was tried.
type Right struct {
	Subject string `json:"subject"`
	Denied  bool   `json:"denied,omitempty"`
	Problem string `json:"problem,omitempty"` // why it could not be tried
}

// Temporal is what was seen of it.
type Temporal struct {
	Own       bool   `json:"own"`
	Address   string `json:"address"`
	Namespace string `json:"namespace"`
	Problem   string `json:"problem,omitempty"`
	Refused   bool   `json:"refused,omitempty"` // the credentials
	Version   string `json:"version,omitempty"`
	Shards    int    `json:"shards,omitempty"`
	Store     string `json:"store,omitempty"`

	Local    bool      `json:"local"`
	TLS      bool      `json:"tls"`
	CertEnds time.Time `json:"cert_ends,omitzero"`

	NoNamespace      bool              `json:"no_namespace,omitempty"`
	NamespaceProblem string            `json:"namespace_problem,omitempty"`
	Retention        time.Duration     `json:"retention"`
	Attributes       map[string]string `json:"attributes"` // names and types
	AttributeProblem string            `json:"attribute_problem,omitempty"`

	Clock  Clock   `json:"clock"`
	Queues []Queue `json:"queues"`
	Runs   Runs    `json:"runs"`
}

// Queue is a task queue and who polls it.
type Queue struct {
	Name    string    `json:"name"`
	Kind    string    `json:"kind"` // workflow or activity
	Pollers int       `json:"pollers"`
	Last    time.Time `json:"last,omitzero"` // when one of them last asked, by Temporal's clock
	Problem string    `json:"problem,omitempty"`
}

// Runs are a sample of the open onboardings.
type Runs struct {
	Seen int      `json:"seen"`
	Keys []string `json:"keys"` // under which their inputs are encrypted
}

// Steps of a connection to a provider; the last one that worked is not named, but the
// one that failed.
const (
	StepSettings = "settings"
	StepName     = "name"
	StepConnect  = "connect"
	StepTLS      = "tls"
	StepGreeting = "greeting"
	StepSignIn   = "sign-in"
	StepEnvelope = "envelope" // the sender and a recipient, of e-mail
)

// Provider takes messages or accounts.
type Provider struct {
	Name     string    `json:"name"`
	Channel  string    `json:"channel"` // email, sms or accounts
	Addr     string    `json:"addr"`    // HOST:PORT
	Failed   string    `json:"failed,omitempty"`
	Problem  string    `json:"problem,omitempty"`
	TLS      bool      `json:"tls"`
	CertEnds time.Time `json:"cert_ends,omitzero"`
	SignsIn  bool      `json:"signs_in"` // signing in was tried
	Rate     float64   `json:"rate"`     // messages a second of one worker; 0 is no limit
	Limit    float64   `json:"limit"`    // of the provider, 0 when it was not said
}

// Inbox is a folder. Its path is not told: it may name people.
type Inbox struct {
	Source  string `json:"source"`
	Missing bool   `json:"missing,omitempty"`
	Made    bool   `json:"made,omitempty"` // by usher itself at its start
	Problem string `json:"problem,omitempty"`
	NoWrite bool   `json:"no_write,omitempty"`
	Network bool   `json:"network,omitempty"` // a mount on which leases say nothing
	Apart   bool   `json:"apart,omitempty"`   // what claims are renamed to is another mount
	Waiting int    `json:"waiting"`           // files
	Oldest  string `json:"oldest,omitempty"`  // how long the oldest has waited

	Probed bool   `json:"probed,omitempty"`
	Rename string `json:"rename,omitempty"` // why it failed
	Lease  string `json:"lease,omitempty"`
}

// Machine is what the doctor runs on.
type Machine struct {
	DataProblem string   `json:"data_problem,omitempty"`
	Free        uint64   `json:"free"`
	Size        uint64   `json:"size"`
	FreeFiles   uint64   `json:"free_files"`
	Files       uint64   `json:"files"`    // that the file system can hold; 0 has no limit
	Open        uint64   `json:"open"`     // files that usher may have open
	OfUsher     bool     `json:"of_usher"` // that is the limit of the running process
	OpenKeys    []string `json:"open_keys"`
	Taken       []string `json:"taken"` // ports that another process has
}

// Ops is what a running usher says of itself.
type Ops struct {
	Asked   bool     `json:"asked"`
	Problem string   `json:"problem,omitempty"`
	State   string   `json:"state,omitempty"` // ok, degraded, starting or failed
	Parts   []string `json:"parts"`           // that are not ok
}
