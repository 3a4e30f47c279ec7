#!/bin/sh
# autoupload.sh ADDRESS FILE [OPTIONS OF CURL...]: the form by curl.
address=$1 file=$2
shift 2
exec curl --silent --show-error "$@" -F "torrent=@\"$file\";type=application/x-bittorrent" "http://$address/autoupload.php"
