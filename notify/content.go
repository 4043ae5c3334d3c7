package notify

// Content is an e-mail that another part has written, such as a report. It takes
// the place of a template.
type Content struct {
	Subject, Text string
	HTML          string // "" when the text is all
	Attachments   []Attachment
}

// Attachment is a file that goes along. One goes with text only: copies of a
// message must not differ, and so have one boundary between parts.
type Attachment struct {
	Name, MediaType string
	Data            []byte
}

func (c Content) rendered() content {
	return content{subject: c.Subject, text: c.Text, html: c.HTML, attachments: c.Attachments}
}
