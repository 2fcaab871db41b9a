-- Wireshark dissector of DPCN versions 3 and 4, the device and power control network protocol (io/PROTOCOL.md).
--
--   tshark -X lua_script:io/wireshark/dpcn.lua -r capture.pcapng -Y 'dpcn.kind == 2'
--
-- Or put it into Wireshark's folder of personal Lua plugins. It takes every UDP datagram that begins with "DPCN", shows
-- each frame of it as a tree of its own, and marks with `dpcn.malformed` what the page calls malformed. MACs are shown
-- and not checked: that needs the site's secret, and tests/dpcn/decode.py does it.

local dpcn = Proto("dpcn", "Device and Power Control Network")

local MAGIC = 0x4450434e
-- The highest kind of each version.
local VERSIONS = { [3] = 5, [4] = 6 }
local HEADER_BYTES = 48
local MAC_BYTES = 16
local DATAGRAM_BYTES_MAX = 1472

local KINDS = { "Beat", "Order", "Telemetry", "Ack", "Endorsement", "Outlets" }
local FRAME_BYTES = { 80, 128, 216, 128, 128, 208 }
local OUTLETS_PER_FRAME = 32
local OUTLETS_MAX = 256
local DEVICES = { "PDU", "KESM", "Tie", "Supply" }
local SETPOINTS = { [0] = "None", "KESM", "Tie", "PDU", "Supply" }
local DIRECTIONS = { "Forward", "Backward" }
local DUTIES = { "Auto", "Run" }
local YES = { [0] = "No", "Yes" }
local SWITCHES = { "Open", "Utility A", "Utility B", "Generator" }
local PHASES = { "Absent", "Off", "Starting", "Running", "Failed" }
local VERDICTS = {
    "Executed", "Duplicate", "Stale fence", "Expired", "Beyond limits", "Unavailable", "Locked out",
}
local OUTLETS = { "Metered", "Open", "Unmetered" }
local REFUSALS = {
    { "malformed", "Malformed" },
    { "misaddressed", "Misaddressed" },
    { "bad_mac", "Bad MAC" },
    { "replay", "Replay" },
    { "flooded", "Flooded" },
    { "stale_fence", "Stale fence" },
    { "no_lease", "No lease" },
    { "expired", "Expired" },
    { "beyond_limits", "Beyond limits" },
    { "unavailable", "Unavailable or locked out" },
    { "unendorsed", "Unendorsed" },
}

-- Fields -------------------------------------------------------------------------------------------------------------

local fields, all = {}, {}

local function field(make, name, ...)
    local made = make("dpcn." .. name, ...)
    fields[name] = made
    all[#all + 1] = made
end

local function number(make, name, shown, unit)
    if unit then
        field(make, name, shown, base.UNIT_STRING, { " " .. unit })
    else
        field(make, name, shown, base.DEC)
    end
end

field(ProtoField.string, "magic", "Magic")
number(ProtoField.uint8, "version", "Version")
field(ProtoField.uint8, "kind", "Kind", base.DEC, KINDS)
number(ProtoField.uint16, "replica", "Replica")
field(ProtoField.uint32, "device", "Device", base.HEX)
field(ProtoField.uint16, "device.kind", "Device kind", base.DEC, DEVICES)
number(ProtoField.uint16, "device.index", "Device index")
number(ProtoField.uint32, "epoch", "Key epoch")
field(ProtoField.uint64, "session", "Session", base.HEX)
field(ProtoField.uint64, "boot", "Boot", base.HEX)
number(ProtoField.uint64, "sequence", "Sequence")
number(ProtoField.uint64, "heard", "Heard")
field(ProtoField.bytes, "mac", "MAC")

number(ProtoField.uint64, "term", "Term")
number(ProtoField.int64, "lease_until", "Lease until (device clock)", "ms")

number(ProtoField.uint64, "fence.term", "Fence: term")
number(ProtoField.uint64, "fence.index", "Fence: index")
number(ProtoField.uint64, "entry_term", "Term of the entry")
number(ProtoField.int64, "expires_at", "Expires at (device clock)", "ms")
number(ProtoField.int64, "device_clock", "Device clock", "ms")
number(ProtoField.int64, "lease_remaining", "Lease remaining", "ms")
field(ProtoField.uint8, "verdict", "Verdict", base.DEC, VERDICTS)

field(ProtoField.uint8, "setpoint.kind", "Setpoint", base.DEC, SETPOINTS)
field(ProtoField.uint8, "setpoint.direction", "Direction", base.DEC, DIRECTIONS)
number(ProtoField.uint8, "setpoint.keep_tiers", "Highest tier kept on")
field(ProtoField.uint8, "setpoint.generator", "Generator", base.DEC, DUTIES)
number(ProtoField.int64, "setpoint.supply_max", "Supply at most", "W")
number(ProtoField.int64, "setpoint.charge_max", "Charge at most", "W")
number(ProtoField.int64, "setpoint.flow_max", "Flow at most", "W")
number(ProtoField.int64, "setpoint.cap", "Servers together at most", "W")
number(ProtoField.int64, "setpoint.hold", "Hold", "W")

field(ProtoField.uint8, "reading.kind", "Reading", base.DEC, DEVICES)
field(ProtoField.uint8, "reading.tripped", "Tripped", base.DEC, YES)
field(ProtoField.uint8, "reading.available", "Available", base.DEC, YES)
number(ProtoField.uint16, "reading.breaker", "Breaker heat", "permille")
number(ProtoField.uint32, "reading.speed", "Speed", "rpm")
number(ProtoField.int64, "reading.load", "Load", "W")
number(ProtoField.int64, "reading.draw", "Draw", "W")
number(ProtoField.int64, "reading.bus", "Bus", "mV")
number(ProtoField.int64, "reading.stored", "Stored", "J")
number(ProtoField.int64, "reading.supply", "Supply", "W")
number(ProtoField.int64, "reading.capacitor", "Capacitor", "mV")
number(ProtoField.int64, "reading.flow", "Flow", "W")
field(ProtoField.uint8, "reading.switch", "Switch", base.DEC, SWITCHES)
number(ProtoField.uint16, "reading.utility_a", "Utility A of nominal", "permille")
number(ProtoField.uint16, "reading.utility_b", "Utility B of nominal", "permille")
field(ProtoField.uint8, "reading.generator", "Generator", base.DEC, PHASES)
number(ProtoField.int64, "reading.drawn", "Drawn", "W")

for _, refusal in ipairs(REFUSALS) do
    number(ProtoField.uint32, "refusals." .. refusal[1], refusal[2])
end
number(ProtoField.uint32, "heard.lan_a", "Frames heard on LAN A")
number(ProtoField.uint32, "heard.lan_b", "Frames heard on LAN B")

number(ProtoField.uint16, "first", "First outlet")
number(ProtoField.uint8, "count", "Outlets")
number(ProtoField.uint16, "age", "Age of the oldest measurement", "ms")
number(ProtoField.uint24, "outlet.power", "Power", "W")
field(ProtoField.uint8, "outlet.state", "State", base.DEC, OUTLETS)

field(ProtoField.bytes, "zero", "Zero")
field(ProtoField.bytes, "undissected", "Undissected")
number(ProtoField.uint32, "frames", "Frames in this datagram")
dpcn.fields = all

local malformed = ProtoExpert.new("dpcn.malformed", "Malformed", expert.group.MALFORMED, expert.severity.ERROR)
dpcn.experts = { malformed }

-- Reading ------------------------------------------------------------------------------------------------------------

-- Takes fields off the front of one frame into its tree.
local Reader = {}
Reader.__index = Reader

function Reader:next(length)
    local range = self.tvb(self.at, length)
    self.at = self.at + length
    return range
end

function Reader:wrong(item, what)
    item:add_proto_expert_info(malformed, what)
    self.good = false
end

function Reader:number(name, length, tree)
    local range = self:next(length)
    return range, (tree or self.tree):add_le(fields[name], range)
end

-- A number with a meaning each; `names` may lack it.
function Reader:name(name, names, tree)
    local range, item = self:number(name, 1, tree)
    local value = range:uint()
    if not names[value] then
        self:wrong(item, "The value " .. value .. " has no meaning")
    end
    return value, names[value] or tostring(value)
end

-- A clock or a span.
function Reader:ms(name)
    local range, item = self:number(name, 8)
    local value = range:le_int64()
    if value < Int64(0) then
        self:wrong(item, "Clocks and spans are not negative")
    end
    return value
end

function Reader:zero(length, tree)
    if length == 0 then
        return
    end
    local range = self:next(length)
    local item = (tree or self.tree):add(fields.zero, range)
    for at = 0, length - 1 do
        if range(at, 1):uint() ~= 0 then
            self:wrong(item, "Bytes that must be zero are not")
            return
        end
    end
end

function Reader:quantities(names, tree)
    for _, name in ipairs(names) do
        self:number(name, 8, tree)
    end
    self:zero(24 - 8 * #names, tree)
end

function Reader:fence()
    local term, term_item = self:number("fence.term", 8)
    local index, index_item = self:number("fence.index", 8)
    return { term = term:le_uint64(), index = index:le_uint64(), term_item = term_item, index_item = index_item }
end

local function fence_text(fence)
    return tostring(fence.term) .. "." .. tostring(fence.index)
end

-- Way, named by the kind, and quantities of each kind of setpoint.
local SETPOINT_FIELDS = {
    [0] = {},
    { "setpoint.supply_max", "setpoint.charge_max", "setpoint.hold" },
    { "setpoint.flow_max", "setpoint.hold" },
    { "setpoint.cap" },
    {},
}

function Reader:setpoint()
    local tree = self.tree:add(dpcn, self.tvb(self.at, 32), "Setpoint")
    local kind, text = self:name("setpoint.kind", SETPOINTS, tree)
    if not SETPOINT_FIELDS[kind] then
        tree:add(fields.undissected, self:next(31))
        return kind, text
    end
    if kind == 2 then
        self:name("setpoint.direction", DIRECTIONS, tree)
    elseif kind == 3 then
        self:number("setpoint.keep_tiers", 1, tree)
    elseif kind == 4 then
        self:name("setpoint.generator", DUTIES, tree)
    else
        self:zero(1, tree)
    end
    self:zero(6, tree)
    self:quantities(SETPOINT_FIELDS[kind], tree)
    tree:append_text(": " .. text)
    return kind, text
end

function Reader:reading()
    local tree = self.tree:add(dpcn, self.tvb(self.at, 32), "Reading")
    local kind, text = self:name("reading.kind", DEVICES, tree)
    if kind == 1 then
        self:name("reading.tripped", YES, tree)
        self:number("reading.breaker", 2, tree)
        self:zero(4, tree)
        self:quantities({ "reading.load", "reading.draw", "reading.bus" }, tree)
    elseif kind == 2 then
        self:name("reading.available", YES, tree)
        self:zero(2, tree)
        self:number("reading.speed", 4, tree)
        self:quantities({ "reading.stored", "reading.supply", "reading.capacitor" }, tree)
    elseif kind == 3 then
        self:name("reading.available", YES, tree)
        self:zero(6, tree)
        self:quantities({ "reading.flow" }, tree)
    elseif kind == 4 then
        self:name("reading.switch", SWITCHES, tree)
        self:number("reading.utility_a", 2, tree)
        self:number("reading.utility_b", 2, tree)
        self:name("reading.generator", PHASES, tree)
        self:zero(1, tree)
        self:quantities({ "reading.drawn" }, tree)
    else
        tree:add(fields.undissected, self:next(31))
    end
    tree:append_text(": " .. text)
    return kind
end

-- Bodies -------------------------------------------------------------------------------------------------------------

local function beat(reader)
    local term = reader:number("term", 8)
    local lease = reader:ms("lease_until")
    local leads = lease > Int64(0) and ", lease until " .. tostring(lease) .. " ms" or ""
    return "term " .. tostring(term:le_uint64()) .. leads
end

local function order(reader)
    local fence = reader:fence()
    local entry, entry_item = reader:number("entry_term", 8)
    local expires = reader:ms("expires_at")
    local kind, text = reader:setpoint()
    if fence.index == UInt64(0) then
        reader:wrong(fence.index_item, "No entry has index 0")
    end
    if entry:le_uint64() > fence.term then
        reader:wrong(entry_item, "The entry's term is above its sender's")
    end
    if kind == 0 then
        reader:wrong(reader.tree, "An order without a setpoint")
    end
    return "fence " .. fence_text(fence) .. ", " .. text .. ", until " .. tostring(expires) .. " ms"
end

local function telemetry(reader, device_kind)
    local clock = reader:ms("device_clock")
    local kind = reader:reading()
    if kind ~= device_kind then
        reader:wrong(reader.tree, "A reading of another kind of device")
    end
    local fence = reader:fence()
    local _, text = reader:setpoint()
    reader:ms("lease_remaining")
    local refusals = reader.tree:add(dpcn, reader.tvb(reader.at, 4 * #REFUSALS), "Refusals since boot")
    for _, refusal in ipairs(REFUSALS) do
        reader:number("refusals." .. refusal[1], 4, refusals)
    end
    reader:number("heard.lan_a", 4)
    reader:number("heard.lan_b", 4)
    reader:zero(4)
    return "at " .. tostring(clock) .. " ms, fence " .. fence_text(fence) .. ", in force: " .. text
end

local function ack(reader)
    local fence = reader:fence()
    reader:ms("device_clock")
    local _, verdict = reader:name("verdict", VERDICTS)
    reader:zero(7)
    local _, text = reader:setpoint()
    return "fence " .. fence_text(fence) .. ", " .. verdict .. ", in force: " .. text
end

local function outlet(reader, nth)
    local tree = reader.tree:add(dpcn, reader.tvb(reader.at, 4), "Outlet " .. nth)
    local range, item = reader:number("outlet.power", 3, tree)
    local state, text = reader:name("outlet.state", OUTLETS, tree)
    local power = range:le_uint()
    if state ~= 1 and power ~= 0 then
        reader:wrong(item, "An outlet that is not metered has no power")
    end
    tree:append_text(": " .. (state == 1 and power .. " W" or text))
    return power
end

local function outlets(reader, device_kind)
    reader:ms("device_clock")
    local first_range, first_item = reader:number("first", 2)
    local count_range, count_item = reader:number("count", 1)
    local first, count = first_range:le_uint(), count_range:uint()
    reader:zero(1)
    reader:number("age", 2)
    reader:zero(2)
    if device_kind ~= 1 then
        reader:wrong(reader.tree, "Only a PDU has outlets")
    end
    if first % OUTLETS_PER_FRAME ~= 0 or first >= OUTLETS_MAX then
        reader:wrong(first_item, "A page begins at a multiple of " .. OUTLETS_PER_FRAME .. " below " .. OUTLETS_MAX)
    end
    if count < 1 or count > OUTLETS_PER_FRAME then
        reader:wrong(count_item, "A page has 1 to " .. OUTLETS_PER_FRAME .. " outlets")
        count = math.min(count, OUTLETS_PER_FRAME)
    end
    local sum = 0
    for nth = first, first + count - 1 do
        sum = sum + outlet(reader, nth)
    end
    reader:zero(4 * (OUTLETS_PER_FRAME - count))
    return count .. " outlets from " .. first .. ", " .. sum .. " W"
end

local BODIES = { beat, order, telemetry, ack, order, outlets }

-- Frames -------------------------------------------------------------------------------------------------------------

-- The kind of the frame that begins at `at`, or what makes it none.
local function kind_at(tvb, at)
    local left = tvb:len() - at
    if left < 4 then
        return nil, "Too short for a frame"
    end
    if tvb(at, 4):uint() ~= MAGIC then
        return nil, "Does not begin with DPCN"
    end
    if left < 6 then
        return nil, "Too short for a frame"
    end
    local version, kind = tvb(at + 4, 1):uint(), tvb(at + 5, 1):uint()
    if not VERSIONS[version] then
        return nil, "Version " .. version .. ", this dissector knows 3 and 4"
    end
    if kind < 1 or kind > VERSIONS[version] then
        return nil, "Kind " .. kind .. " has no meaning in version " .. version
    end
    if left < FRAME_BYTES[kind] then
        return nil, KINDS[kind] .. " of " .. left .. " bytes, it has " .. FRAME_BYTES[kind]
    end
    return kind
end

local function dissect_frame(tvb, at, kind, root)
    local length = FRAME_BYTES[kind]
    local tree = root:add(dpcn, tvb(at, length))
    local reader = setmetatable({ tvb = tvb, at = at, tree = tree, good = true }, Reader)
    tree:add(fields.magic, reader:next(4))
    reader:number("version", 1)
    reader:number("kind", 1)
    local replica = reader:number("replica", 2):le_uint()
    local range, item = reader:number("device", 4)
    local device = range:le_uint()
    local index, device_kind = device % 0x10000, math.floor(device / 0x10000)
    item:add_le(fields["device.index"], range(0, 2))
    item:add_le(fields["device.kind"], range(2, 2))
    if not DEVICES[device_kind] then
        reader:wrong(item, "No device has this number")
    end
    range, item = reader:number("epoch", 4)
    if range:le_uint() == 0 then
        reader:wrong(item, "No key epoch is 0")
    end
    reader:number("session", 8)
    reader:number("boot", 8)
    local sequence = reader:number("sequence", 8):le_uint64()
    reader:number("heard", 8)
    local said = BODIES[kind](reader, device_kind)
    reader:number("mac", MAC_BYTES)

    local who = (DEVICES[device_kind] or "device") .. " " .. index
    local way = (kind == 3 or kind == 4 or kind == 6) and who .. " > n" .. replica or "n" .. replica .. " > " .. who
    tree:set_text(KINDS[kind] .. ", " .. way .. ", #" .. tostring(sequence) .. ", " .. said)
    return KINDS[kind] .. " " .. way .. " #" .. tostring(sequence) .. " " .. said, reader.good
end

function dpcn.dissector(tvb, pinfo, tree)
    pinfo.cols.protocol = "DPCN"
    local root = tree:add(dpcn, tvb())
    local at, count, info, good = 0, 0, nil, true
    if tvb:len() > DATAGRAM_BYTES_MAX then
        root:add_proto_expert_info(malformed, "More than " .. DATAGRAM_BYTES_MAX .. " bytes in one datagram")
        good = false
    end
    repeat
        local kind, wrong = kind_at(tvb, at)
        if not kind then
            local item = root:add(fields.undissected, tvb(at))
            item:add_proto_expert_info(malformed, wrong)
            good = false
            break
        end
        local said, whole = dissect_frame(tvb, at, kind, root)
        at, count, info, good = at + FRAME_BYTES[kind], count + 1, info or said, good and whole
    until at >= tvb:len()
    root:add(fields.frames, count):set_generated()
    local more = count > 1 and " (+" .. count - 1 .. " frames)" or ""
    pinfo.cols.info = (good and "" or "[Malformed] ") .. (info or "No frame") .. more
    return tvb:len()
end

dpcn:register_heuristic("udp", function(tvb, pinfo, tree)
    if tvb:len() < 4 or tvb(0, 4):uint() ~= MAGIC then
        return false
    end
    dpcn.dissector(tvb, pinfo, tree)
    return true
end)
