// Two stacks and a wire of the fuzzer's: it loses, doubles, holds back and changes segments, and makes both programs call what
// they like. The model: what one side wrote is what the other reads, in order and once, as far as it comes; and all memory is back.
#include <deque>
#include <memory>

#include "netstack/wire/checksum.hpp"
#include "tests/fuzz/boot/require.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/unit/netstack/host.hpp"

namespace eremite::test {
namespace {

uint8_t pattern(uint64_t at, bool side) { return static_cast<uint8_t>(((at + side) * 0x9e37'79b9'7f4a'7c15) >> 56); }

HostOptions options(uint8_t choice) {
    HostOptions o;
    o.fragments = 512, o.small_buffers = 64, o.large_buffers = 16;
    o.capabilities.mtu = choice & 1 ? 1500 : 576;
    o.capabilities.tcp4_segmentation = choice & 2 ? 65000 : 0;
    o.capabilities.transmit_checksum = o.capabilities.receive_checksum = (choice & 2) != 0;
    o.tcp = {.most_connections = 8, .most_requests = choice & 4 ? 8U : 0U, .most_time_waits = 4, .most_sent_segments = 64, .flow_buckets = 16,
             .initial_receive_buffer = choice & 8 ? 20'000U : 3000U, .most_receive_buffer = 40'000, .ecn = (choice & 16) != 0};
    return o;
}

class World {
public:
    explicit World(Input& input) : input_{input} {
        const uint8_t choice = input.byte();
        for (unsigned i = 0; i < 2; ++i) {
            hosts_[i] = std::make_unique<Host>(static_cast<uint8_t>(i + 1), options(choice));
            Host& h = *hosts_[i];
            h.stack.advance(now_);
            require(h.interface->add_address(address(i), 24).ok() &&
                    h.interface->neighbours().add_permanent(address(1 - i), Host::mac(static_cast<uint8_t>(2 - i))).ok());
            h.device.sent = [this, i](Bytes bytes, const net::Offload& offload) {
                if (wire_[1 - i].size() < 100) wire_[1 - i].push_back({std::move(bytes), offload});
            };
        }
        net::tcp::Settings settings;
        settings.no_delay = (choice & 32) != 0;
        settings.keep_alive = (choice & 64) != 0;
        listener_ = hosts_[1]->stack.tcp().listen({address(1), 80}, 1, settings, nullptr).value();
        ends_[0].connection = hosts_[0]->stack.tcp().connect({}, {address(1), 80}, settings, nullptr).value();
    }
    ~World() {
        for (End& end : ends_)
            if (end.connection) end.connection->abort();
        hosts_[1]->stack.tcp().close(*listener_);
        flush();
        for (auto& wire : wire_) wire.clear();
        // Connections that were closed end by themselves, though nobody answers any more.
        for (auto& host : hosts_) {
            host->device.full = false;
            host->stack.device_ready(*host->interface);
            host->device.sent = nullptr;
        }
        const auto left = [this] { return hosts_[0]->stack.tcp().connections() + hosts_[1]->stack.tcp().connections(); };
        for (int i = 0; i < 60 && left() > 0; ++i) pass(Duration::seconds(60));
        for (auto& host : hosts_) {
            require(host->stack.tcp().connections() == 0);
            require(host->memory.pool.free_fragments() == 512 && host->memory.pool.free_small() == 64 && host->memory.pool.free_large() == 16);
        }
    }
    void step() {
        const uint8_t what = input_.byte();
        const unsigned side = what >> 7;
        switch (what & 15) {
            case 0: case 1: case 2: deliver(side, 0); break;
            case 3: if (!wire_[side].empty()) wire_[side].pop_front(); break;
            case 4: deliver(side, input_.byte()); break;                       // overtakes
            case 5: if (!wire_[side].empty()) wire_[side].push_back(wire_[side].front()); break;
            case 6: mutate(side); deliver(side, 0); break;
            case 7: write(side, input_.byte() * 32U); break;
            case 8: read(side); break;
            case 9: pass(Duration::milliseconds(input_.byte())); break;
            case 10: pass(Duration::seconds(input_.byte())); break;
            case 11: if (ends_[side].connection && input_.byte() < 64) (void)ends_[side].connection->shutdown(false, true); break;
            case 12: accept(); break;
            case 13:
                hosts_[side]->device.full = (what & 16) != 0;
                if (!hosts_[side]->device.full) hosts_[side]->stack.device_ready(*hosts_[side]->interface);
                break;
            case 14: close(side, input_.byte()); break;
            case 15: for (int i = 0; i < 8; ++i) deliver(0, 0), deliver(1, 0), flush(); break;
        }
        if (what & 64) flush();
    }

private:
    struct Frame {
        Bytes bytes;
        net::Offload offload;
    };
    struct End {
        net::tcp::Connection* connection = nullptr;
        uint64_t written = 0, read = 0;
    };
    static net::IpAddress address(unsigned i) { return net::Ipv4Address::of(10, 0, 0, static_cast<uint8_t>(i + 1)); }
    void flush() {
        for (auto& host : hosts_) host->stack.flush();
    }
    void pass(Duration time) {
        const Instant end = now_ + time;
        for (int i = 0; i < 50; ++i) {
            flush();
            const Instant next = std::min(hosts_[0]->stack.next_deadline(), hosts_[1]->stack.next_deadline());
            if (next > end) break;
            now_ = std::max(now_, next);
            for (auto& host : hosts_) host->stack.advance(now_);
        }
        now_ = std::max(now_, end);
        for (auto& host : hosts_) host->stack.advance(now_);
    }
    void deliver(unsigned side, size_t at) {
        auto& wire = wire_[side];
        if (wire.empty()) return;
        at %= wire.size();
        const Frame frame = std::move(wire[at]);
        wire.erase(wire.begin() + static_cast<ptrdiff_t>(at));
        hosts_[side]->receive(frame.bytes, frame.offload);
    }
    // Changes anything of the TCP header but the ports; the checksum is made right. What was never sent is not to be believed to
    // be the peer's data, so that the model ends where a sequence number was forged.
    void mutate(unsigned side) {
        if (wire_[side].empty()) return;
        Frame& frame = wire_[side].front();
        if (frame.bytes.size() < 54) return;
        const size_t at = 38 + input_.byte() % std::min<size_t>(frame.bytes.size() - 38, 36);
        frame.bytes[at] ^= input_.byte();
        forged_ = true;
        frame.offload = {};
        net::store_raw<uint16_t>(&frame.bytes[50], 0);
        net::ChecksumSum sum;
        sum.add_pseudo_header(address(1 - side), address(side), 6, static_cast<uint32_t>(frame.bytes.size() - 34));
        sum.add(std::span{frame.bytes}.subspan(34));
        net::store_raw(&frame.bytes[50], sum.checksum());
    }
    void write(unsigned side, size_t size) {
        End& end = ends_[side];
        if (!end.connection) return;
        Bytes data(size);
        for (size_t i = 0; i < size; ++i) data[i] = pattern(end.written + i, side);
        Source source{data};
        const auto written = end.connection->send(source, size);
        if (!written.ok()) return;
        require(written.value() <= size);
        end.written += written.value();
    }
    void read(unsigned side) {
        End& end = ends_[side];
        if (!end.connection) return;
        Sink sink;
        const auto read = end.connection->receive(sink, input_.byte() * 64U + 1);
        if (!read.ok()) return;
        require(read.value() == sink.bytes.size());
        for (const uint8_t byte : sink.bytes) require(forged_ || byte == pattern(end.read++, side == 0));
        require(forged_ || end.read <= ends_[1 - side].written);
    }
    void accept() {
        net::tcp::Connection* connection = listener_->accept();
        if (!connection) return;
        if (ends_[1].connection || second_) connection->abort();
        else ends_[1].connection = connection;
        second_ = true;
    }
    void close(unsigned side, uint8_t how) {
        End& end = ends_[side];
        if (!end.connection || how >= 32) return;
        if (how & 1) end.connection->abort();
        else end.connection->close();
        end.connection = nullptr;
    }

    Input& input_;
    Instant now_{1'000'000'000};
    std::unique_ptr<Host> hosts_[2];
    std::deque<Frame> wire_[2];
    net::tcp::Listener* listener_ = nullptr;
    End ends_[2];
    bool forged_ = false;
    bool second_ = false;

};

}  // namespace
}  // namespace eremite::test

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    eremite::test::Input input{data, size};
    eremite::test::World world{input};
    while (!input.empty()) world.step();
    return 0;
}
