// Package web is the pages a person sees: templates, style sheet, the code
// examples of the API guide, all embedded, and the functions that write them.
//
// No page needs a script, though some have one of this server, nor anything from
// another site, and a strict Content-Security-Policy says so. All text from outside
// goes through html/template. The package renders what it is told and calls no API.
package web
