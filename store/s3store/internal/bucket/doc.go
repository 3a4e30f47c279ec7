// Package bucket talks to an S3-compatible object store: conditional writes that say who was
// first, reads that are told from what proxies answer, listings, and the test that the endpoint
// can do what a store rests on.
//
// A write that may have been done without an answer is read back before it is reported. Requests
// have deadlines of their own, and few are repeated: a [Failure] says whether the write may have
// been done, and whether the same request may succeed later. The two requests that every upload
// and download has are made and signed here, all others are minio-go's.
package bucket
