#!/bin/sh
# autoupload_wget.sh ADDRESS FILE: the form by wget, which makes no forms itself.
set -e
form=$(mktemp)
trap 'rm -f "$form"' EXIT
boundary=wget-has-no-forms
{
  printf -- '--%s\r\nContent-Disposition: form-data; name="torrent"; filename="my.torrent"\r\n' "$boundary"
  printf 'Content-Type: application/x-bittorrent\r\n\r\n'
  cat "$2"
  printf -- '\r\n--%s--\r\n' "$boundary"
} > "$form"
wget --quiet --output-document=- --header="Content-Type: multipart/form-data; boundary=$boundary" \
  --post-file="$form" "http://$1/autoupload.php"
