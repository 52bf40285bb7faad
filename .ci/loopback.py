"""Waits until an emulator is up, and fails if it, or a process of its own, listens beyond loopback:
`loopback.py PID ENDPOINT`. What it logged last is for whoever asks to show.
"""
import ipaddress, os, pathlib, sys, time, urllib.request

emulator, endpoint = int(sys.argv[1]), sys.argv[2]
ask = urllib.request.build_opener(urllib.request.ProxyHandler({})).open
for left in range(300, -1, -1):
    try:
        ask(endpoint + "/_ministack/health", timeout=5).read()
        break
    except OSError as error:
        if left == 0 or not os.path.exists(f"/proc/{emulator}"):
            sys.exit(f"The emulator does not answer ({error}). It logged last:")
        time.sleep(0.1)

family, parents = {emulator}, {}
for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
    try:
        parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    except OSError:
        pass  # It ended meanwhile.
while more := {pid for pid, parent in parents.items() if parent in family} - family:
    family |= more
sockets = set()
for handle in (handle for pid in family for handle in pathlib.Path("/proc").glob(f"{pid}/fd/*")):
    try:
        sockets.add(os.readlink(handle))
    except OSError:
        pass

def address(text):
    words = [bytes.fromhex(text[at:at + 8])[::-1] for at in range(0, len(text), 8)]
    return ipaddress.ip_address(b"".join(words))

# A listening TCP socket is in state 0A; a UDP socket that nobody is connected to is in 07.
found = []
for table, state in (("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07")):
    path = pathlib.Path(f"/proc/{emulator}/net/{table}")
    for row in path.read_text().splitlines()[1:] if path.exists() else []:
        fields = row.split()
        if fields[3] == state and f"socket:[{fields[9]}]" in sockets:
            host, port = fields[1].split(":")
            found.append((address(host), int(port, 16), table))
beyond = [f"{table} {host} port {port}" for host, port, table in found if not host.is_loopback]
if beyond:
    sys.exit(f"The emulator listens beyond loopback: {', '.join(beyond)}. It logged last:")
if not found:
    sys.exit("No listener of the emulator was found: something else answers in its place. It logged last:")
