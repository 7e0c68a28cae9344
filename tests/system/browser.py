#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Two peer connections in a real browser that may only talk through a relay.

Opens headless Chromium, connects two RTCPeerConnections of one page with
iceTransportPolicy "relay", sends numbered messages over a data channel both
ways and a video track one way, and checks that what carries them is a pair of
relay candidates over the transport asked for. Exit status 0 when all held.
"""
import argparse
import json
import os
import sys

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

FLAGS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic",
    "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
    "--no-proxy-server",
    # The relay is on loopback, which WebRTC leaves out by default.
    "--allow-loopback-in-peer-connection",
    # Resolve no name but the one under test.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
]

# Arguments: ICE server, number of messages, callback.
PAGE = """
const [server, count, seconds] = arguments;
const done = arguments[arguments.length - 1];
const config = {iceServers: [server], iceTransportPolicy: "relay"};
const errors = [];

function connection(name) {
    const pc = new RTCPeerConnection(config);
    pc.onicecandidateerror = (e) =>
        errors.push(`${name}: ${e.url} ${e.errorCode} ${e.errorText}`);
    return pc;
}

async function signal(a, b) {
    a.onicecandidate = (e) => e.candidate && b.addIceCandidate(e.candidate);
    b.onicecandidate = (e) => e.candidate && a.addIceCandidate(e.candidate);
    await a.setLocalDescription(await a.createOffer());
    await b.setRemoteDescription(a.localDescription);
    await b.setLocalDescription(await b.createAnswer());
    await a.setRemoteDescription(b.localDescription);
}

function video() {
    const canvas = document.createElement("canvas");
    canvas.width = 320;
    canvas.height = 240;
    const paint = canvas.getContext("2d");
    let frame = 0;
    setInterval(() => {
        paint.fillStyle = `hsl(${frame * 7 % 360}, 90%, 50%)`;
        paint.fillRect(0, 0, 320, 240);
        paint.fillStyle = "black";
        paint.fillText(String(frame++), 20, 20);
    }, 40);
    return canvas.captureStream(25);
}

// Each message goes over and comes back; both ends check the numbers.
function messages(channel, echo) {
    return new Promise((resolve) => {
        const state = {returned: 0, wrong: 0};
        const text = (i) => `${i}:` + "x".repeat(i % 900);
        channel.onmessage = (e) => {
            if (e.data !== text(state.returned)) {
                state.wrong++;
            }
            state.returned++;
            if (state.returned === count) {
                resolve(state);
            }
        };
        echo.then((far) => { far.onmessage = (e) => far.send(e.data); });
        channel.onopen = () => {
            for (let i = 0; i < count; i++) {
                channel.send(text(i));
            }
        };
        channel.onclose = () => resolve(state);
    });
}

async function selected_pair(pc) {
    const stats = await pc.getStats();
    const byId = Object.fromEntries([...stats].map(([id, s]) => [id, s]));
    const all = Object.values(byId);
    const transport = all.find((s) => s.type === "transport" && s.selectedCandidatePairId);
    if (!transport) {
        return null;
    }
    const pair = byId[transport.selectedCandidatePairId];
    const local = byId[pair.localCandidateId];
    const remote = byId[pair.remoteCandidateId];
    return {local: local.candidateType, remote: remote.candidateType,
            relayProtocol: local.relayProtocol, address: local.address, url: local.url};
}

async function frames(pc) {
    const stats = [...(await pc.getStats()).values()];
    const inbound = stats.find((s) => s.type === "inbound-rtp" && s.kind === "video");
    return inbound ? inbound.framesDecoded || 0 : 0;
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function run() {
    const a = connection("a");
    const b = connection("b");
    const channel = a.createDataChannel("numbers");
    const far = new Promise((resolve) => { b.ondatachannel = (e) => resolve(e.channel); });
    const counted = messages(channel, far);
    const stream = video();
    stream.getTracks().forEach((track) => a.addTrack(track, stream));
    b.ontrack = (e) => {
        const element = document.createElement("video");
        element.muted = true;
        element.autoplay = true;
        element.srcObject = e.streams[0];
        document.body.append(element);
    };
    await signal(a, b);
    const end = Date.now() + seconds * 1000;
    const state = await Promise.race([counted, pause(seconds * 1000).then(() => null)]);
    let decoded = 0;
    while (decoded < 5 && Date.now() < end) {
        decoded = await frames(b);
        await pause(100);
    }
    const result = {messages: state, framesDecoded: decoded, errors,
                    states: [a.iceConnectionState, b.iceConnectionState],
                    pairs: [await selected_pair(a), await selected_pair(b)]};
    a.close();
    b.close();
    return result;
}
run().then(done, (e) => done({failure: String(e), errors}));
"""


def browse(args):
    options = Options()
    options.binary_location = args.browser
    for flag in FLAGS + [f"--user-data-dir={args.profile}"]:
        options.add_argument(flag)
    service = Service(args.driver, log_output=args.driver_log)
    driver = webdriver.Chrome(service=service, options=options)
    try:
        driver.set_script_timeout(args.seconds + 20)
        driver.get("data:text/html,<title>relay</title>")
        server = {"urls": args.url, "username": args.username, "credential": args.credential}
        return driver.execute_async_script(PAGE, server, args.count, args.seconds)
    finally:
        driver.quit()


def problems(result, args):
    """What does not hold, a sentence each."""
    if "failure" in result:
        return [result["failure"]]
    found = []
    state = result["messages"]
    if not state or state["returned"] != args.count or state["wrong"] != 0:
        found.append(f"of {args.count} messages came back: {state}")
    if result["framesDecoded"] < 5:
        found.append(f"only {result['framesDecoded']} video frames were decoded")
    for side, pair in zip("ab", result["pairs"]):
        if not pair or pair["local"] != "relay" or pair["remote"] != "relay":
            found.append(f"side {side} does not run over two relay candidates: {pair}")
        elif pair["relayProtocol"] != args.protocol:
            found.append(f"side {side} reaches the relay by {pair['relayProtocol']}")
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--username", required=True)
    parser.add_argument("--credential", required=True)
    parser.add_argument("--protocol", required=True, choices=["udp", "tcp", "tls"])
    parser.add_argument("--profile", required=True, help="new folder for the browser")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=45)
    parser.add_argument("--browser", default="/usr/bin/chromium")
    parser.add_argument("--driver", default="/usr/bin/chromedriver")
    parser.add_argument("--driver-log", default=os.devnull)
    args = parser.parse_args()
    result = browse(args)
    print(json.dumps(result, indent=1))
    found = problems(result, args)
    for sentence in found:
        print(sentence)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
