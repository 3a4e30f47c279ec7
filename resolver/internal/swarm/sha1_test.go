package swarm_test

import "crypto/sha1"

func sha1Of(b []byte) []byte {
	sum := sha1.Sum(b)
	return sum[:]
}
