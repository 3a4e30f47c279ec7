"""A swarm of libtorrent 2.0 nodes on loopback, with a DHT of their own.

Reads a line of JSON from standard input:

  {"ports": [P, ...], "folder": DIR, "torrents": [{"file": FILE, "node": N, "trackers": [URL, ...]}, ...]}

Node N has the torrents of that number, metadata alone. A torrent without trackers is announced in the
DHT, whose first node is at the first port. It writes "ready" when all of them can be found, and ends
when standard input does. With files as arguments it writes the info hashes of each.
"""
import json
import sys
import time

import libtorrent as lt

if len(sys.argv) > 1:
    for name in sys.argv[1:]:
        ids = lt.torrent_info(name).info_hashes()
        print(ids.v1 if ids.has_v1() else "-", ids.v2 if ids.has_v2() else "-")
    sys.exit()


def node(port, first):
    return lt.session({
        "listen_interfaces": f"127.0.0.1:{port}",
        "alert_mask": lt.alert.category_t.dht_notification | lt.alert.category_t.dht_operation_notification
        | lt.alert.category_t.tracker_notification | lt.alert.category_t.status_notification,
        "enable_dht": True, "enable_lsd": False, "enable_upnp": False, "enable_natpmp": False,
        "dht_bootstrap_nodes": f"127.0.0.1:{first}",
        "dht_restrict_routing_ips": False, "dht_restrict_search_ips": False, "dht_enforce_node_id": False,
        "dht_prefer_verified_node_ids": False, "dht_ignore_dark_internet": False,
        "dht_block_ratelimit": 1_000_000, "dht_upload_rate_limit": 1_000_000,  # all have one address
        "allow_multiple_connections_per_ip": True, "ssrf_mitigation": False,
        "active_limit": 1000, "active_seeds": 1000, "active_dht_limit": 1000, "active_tracker_limit": 1000,
        "connections_limit": 1000,
    })


def until(what, happened):
    end = time.time() + 50
    while not happened():
        if time.time() > end:
            sys.exit(f"it never happens that {what}")
        time.sleep(0.1)


asked = json.loads(sys.stdin.readline())
ports = asked["ports"]
sessions = [node(port, ports[0]) for port in ports]


def acquainted():
    """Makes the nodes known to each other, which a bootstrap on loopback does not do."""
    for session in sessions:
        for port in ports:
            session.add_dht_node(("127.0.0.1", port))
    return all(session.status().dht_nodes > 0 for session in sessions)


until("all nodes know others", acquainted)

open_trackers, in_dht = set(), {}
for t in asked["torrents"]:
    session = sessions[t["node"]]
    p = lt.add_torrent_params()
    p.ti = lt.torrent_info(t["file"])
    p.save_path = asked["folder"]
    p.trackers = t["trackers"]
    p.flags = lt.torrent_flags.seed_mode
    handle = session.add_torrent(p)
    ids = p.ti.info_hashes()
    hashes = ([ids.v1] if ids.has_v1() else []) + ([lt.sha1_hash(ids.v2.to_bytes()[:20])] if ids.has_v2() else [])
    if t["trackers"]:
        open_trackers.add((t["node"], str(handle.info_hash())))
    else:
        for h in hashes:
            in_dht[str(h)] = h


def found():
    """Asks for the metadata not found yet, and takes the answers."""
    for number, session in enumerate(sessions):
        for a in session.pop_alerts():
            if isinstance(a, lt.tracker_reply_alert):
                open_trackers.discard((number, str(a.handle.info_hash())))
            elif isinstance(a, lt.dht_get_peers_reply_alert) and a.num_peers() > 0:
                in_dht.pop(str(a.info_hash), None)
    for h in in_dht.values():
        sessions[0].dht_get_peers(h)
    if in_dht:
        time.sleep(0.2)
    return not open_trackers and not in_dht


until("all torrents can be found", found)
print("ready", flush=True)
sys.stdin.read()
