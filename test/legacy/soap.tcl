# tclsh soap.tcl ADDRESS FILE: by Tcl's Web Services.
package require WS::Client
package require base64

lassign $argv address path
set file [open $path rb]
set torrent [::base64::encode [read $file]]
close $file

::WS::Client::GetAndParseWsdl http://$address/api/torrage.wsdl
set answer [::WS::Client::DoCall CacheService cacheTorrent [dict create torrent $torrent]]
puts [dict get $answer Result]
