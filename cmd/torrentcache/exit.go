package main

// Exit statuses of the client commands; 0 is success, 1 any other failure.
const exitSomeFailed = 3 // the command got to its end, and some torrents are not what was asked for

// exitError is an error with an exit status of its own.
type exitError struct {
	status int
	text   string
}

func (e *exitError) Error() string { return e.text }
