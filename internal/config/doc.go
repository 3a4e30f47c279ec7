// Package config has the settings of the commands: their names, defaults, help
// and rules. A flag wins over the environment variable of the same name
// (--http-addr and TORRENTCACHE_HTTP_ADDR), which wins over the line of that name
// in the file that --config names, which wins over the default.
//
// [Serve] and [Gateway] are the settings of the commands of those names: AddFlags
// binds them to flags, [Fill] adds the environment and the file, and Validate
// says in one line which setting is wrong and which value would be right.
package config
