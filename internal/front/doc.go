// Package front is the public HTTP side: one table of routes, and the layers that consult it.
//
// A door (a package that serves paths, such as gateway or soapcompat) lists its paths as
// [Route] values, and [New] makes one handler of all of them. Each route has the same layers
// before its handlers. In the order in which a request meets them:
//
//   - a key in the path moves into the header Authorization;
//   - the path chooses the route, and nothing is ever redirected;
//   - the header says which other sites' pages may read the answer;
//   - the client's address is found out;
//   - the request is measured, and told when it has been answered, with what the door says of
//     it (package outcome), for the metrics and the access log;
//   - a panic becomes an answer;
//   - another site's page may not use what a browser shows unasked: a remembered password, a
//     certificate, an address;
//   - a key in the path has to be known;
//   - memory is taken from the budget, and given back with the answer;
//   - a route that reads is held to the rate of downloads;
//   - what is posted needs the role write, and its body is held to the limits;
//   - the method chooses the handler.
//
// When a layer refuses a request the route writes the error, so that a script gets it in the
// form of its door: a line of the form, a SOAP answer, JSON, a page.
//
// Everything in the package is safe for concurrent use.
package front
