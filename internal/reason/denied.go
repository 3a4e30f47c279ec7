package reason

// Denied refuses an upload of what the operator's deny list names. The text begins with
// the words by which scripts know that there is no use in trying again. Contact is whom to
// ask; empty: nobody is named.
func Denied(hash, contact string) *Error {
	return New(TorrentRefused, "%s %s is on this server's deny list%s", textRemoved, hash, questions(contact))
}

// Hidden tells a reader that the operator's deny list names what was asked for; see
// [Denied].
func Hidden(hash, contact string) *Error {
	return New(TorrentRemoved, "%s is on this server's deny list%s", hash, questions(contact)).OnRead()
}

func questions(contact string) string {
	if contact == "" {
		return ""
	}
	return "; questions go to " + contact
}
