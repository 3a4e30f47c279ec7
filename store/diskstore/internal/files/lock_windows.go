package files

import "golang.org/x/sys/windows"

// heldErrno is what Windows says of a file that somebody opened for himself alone.
const heldErrno = windows.ERROR_SHARING_VIOLATION
