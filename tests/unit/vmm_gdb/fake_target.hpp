#pragma once
// A machine that is none, and GDB's side of a connection to its stub.
#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "vmm/gdb/stub.hpp"

namespace eremite::vmm::gdb {

class FakeTarget final : public Target {
public:
    static constexpr uint64_t memory_at = 0x1000;
    std::vector<RegisterFile> files = std::vector<RegisterFile>(2);
    std::vector<std::byte> memory = std::vector<std::byte>(256);
    std::vector<Breakpoint> breakpoints;
    std::vector<Action> actions;
    unsigned stops = 0, resumes = 0, kills = 0;

    size_t processors() const override { return files.size(); }
    std::string describe(size_t processor) const override { return "processor " + std::to_string(processor); }
    bool read_registers(size_t processor, RegisterFile& to) override {
        to = files.at(processor);
        return true;
    }
    bool write_registers(size_t processor, const RegisterFile& from) override {
        files.at(processor) = from;
        return true;
    }
    size_t read_memory(size_t, uint64_t address, std::span<std::byte> to) override {
        if (address < memory_at || address >= memory_at + memory.size()) return 0;
        const size_t there = std::min<size_t>(to.size(), memory_at + memory.size() - address);
        std::copy_n(memory.begin() + static_cast<long>(address - memory_at), there, to.begin());
        return there;
    }
    bool write_memory(size_t, uint64_t address, std::span<const std::byte> from) override {
        if (address < memory_at || address - memory_at > memory.size() || memory.size() - (address - memory_at) < from.size()) return false;
        std::ranges::copy(from, memory.begin() + static_cast<long>(address - memory_at));
        return true;
    }
    Insertion insert(size_t, const Breakpoint& breakpoint) override {
        if (breakpoint.kind == Breakpoint::Kind::WatchReads) return Insertion::Unsupported;
        if (breakpoints.size() == 4) return Insertion::Full;
        breakpoints.push_back(breakpoint);
        return Insertion::Done;
    }
    void remove(const Breakpoint& breakpoint) override { std::erase(breakpoints, breakpoint); }
    void remove_all() override { breakpoints.clear(); }
    void resume(std::span<const Action> all) override {
        actions.assign(all.begin(), all.end());
        ++resumes;
    }
    void stop() override { ++stops; }
    void kill() override { ++kills; }
};

struct Conversation {
    FakeTarget target;
    std::string sent;
    Stub stub{target, [this](std::string_view bytes) { sent += bytes; }};

    Conversation() { stub.connect(); }
    // Payloads of what came back; acknowledgements are left out.
    std::vector<std::string> say(std::string_view payload) {
        sent.clear();
        stub.take(packet_of(payload));
        return heard();
    }
    std::vector<std::string> heard() {
        PacketReader reader;
        std::vector<std::string> all;
        for (const char byte : std::exchange(sent, {}))
            if (reader.take(byte) == PacketReader::Event::Packet) all.emplace_back(reader.payload());
        return all;
    }
    // The only one.
    std::string ask(std::string_view payload) {
        const auto all = say(payload);
        return all.size() == 1 ? all[0] : "(" + std::to_string(all.size()) + " replies)";
    }
};

}  // namespace eremite::vmm::gdb
