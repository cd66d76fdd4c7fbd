// The fuzzer plays a host that sends any packets, while programs of the machine do what they may.
#include <algorithm>
#include <vector>

#include "libos/socket/vsock/endpoint.hpp"
#include "tests/fuzz/boot/require.hpp"
#include "tests/fuzz/input.hpp"

using namespace eremite;
using namespace eremite::socket::vsock;
using test::require;

namespace {

constexpr uint32_t cid = 3, buffer = 512;
constexpr size_t most_streams = 6;

// A host that takes all, and looks whether it is well formed.
struct Host final : Link {
    void send(std::unique_ptr<Packet> packet) override {
        require(packet->bytes().size() == sizeof(Header) + packet->size);
        require(packet->header.len == packet->size && packet->header.dst_cid != cid);
    }
};

struct Program final : Watcher {
    void changed(uint32_t events) override { seen |= events; }
    uint32_t seen = 0;
};

class Machine {
public:
    Machine() {
        endpoint_.attach(&host_, cid);
        for (Port& port : ports_) {
            require(endpoint_.bind(port, {VMADDR_CID_ANY, 1 + static_cast<uint32_t>(&port - ports_)}, 0).ok());
            port.listening = true;
            port.backlog = 2;
            port.buffer = buffer;
            port.watcher = &program_;
        }
    }
    Machine(const Machine&) = delete;
    Machine& operator=(const Machine&) = delete;
    ~Machine() {
        for (Stream* stream : streams_) endpoint_.close(*stream, now_);
        for (Port& port : ports_) endpoint_.unbind(port);
        require(endpoint_.expire(now_ + Endpoint::close_timeout) == Instant::never());
    }

    void receive(test::Input& input) {
        Header header{};
        const uint8_t what = input.byte(), ports = input.byte();
        header.src_cid = ports >= 250 ? input.word() : 2;
        header.dst_cid = ports >= 245 ? input.word() : cid;
        header.src_port = ports % 4;
        header.dst_port = ports / 4 % 8;
        header.type = ports >= 240 ? 2 : 1;
        header.op = what % 9;
        header.flags = what / 9 % 4;
        header.buf_alloc = input.half();
        header.fwd_cnt = input.byte();
        const auto data = input.take(input.byte());
        header.len = what >= 230 ? input.half() : static_cast<uint32_t>(data.size());
        endpoint_.receive(header, data);
    }

    void step(test::Input& input) {
        const uint8_t what = input.byte();
        switch (what % 8) {
            case 0:
                if (streams_.size() == most_streams) return;
                if (Stream* const stream = endpoint_.accept(ports_[what / 8 % 2])) take(*stream);
                return;
            case 1: return connect(what);
            case 2: now_ = now_ + Duration::seconds(what / 8); (void)endpoint_.expire(now_); return;
            case 3: if (what >= 240) endpoint_.reset_all(); return;
            default: break;
        }
        if (streams_.empty()) return;
        const auto at = streams_.begin() + what / 8 % static_cast<long>(streams_.size());
        Stream& stream = **at;
        switch (what % 8) {
            case 4: return send(stream, input.half());
            case 5: return read(stream, input.byte());
            case 6:
                if (stream.state == Stream::State::Established || stream.state == Stream::State::Ended) endpoint_.shutdown(stream, what / 64 % 3 + 1U);
                return;
            default:
                streams_.erase(at);
                endpoint_.close(stream, now_);
        }
    }

    void check() const {
        for (const Stream* stream : streams_) {
            require(stream->incoming.size() <= buffer);
            require(Endpoint::room(*stream) <= Endpoint::most_under_way);
        }
        for (const Port& port : ports_) require(port.waiting_count <= port.backlog + 1);
    }

private:
    void take(Stream& stream) {
        stream.watcher = &program_;
        streams_.push_back(&stream);
    }
    void connect(uint8_t what) {
        if (streams_.size() == most_streams) return;
        auto& stream = *new Stream{buffer};
        take(stream);
        // To the host, or within the machine.
        (void)endpoint_.connect(stream, 4 + what / 8 % 4U, {what / 32 % 2 == 0 ? 2U : 1U, what / 64 % 4U}, now_ + Duration::seconds(2));
    }
    void send(Stream& stream, uint32_t size) {
        const uint32_t count = std::min(size, Endpoint::room(stream));
        if (count == 0) return;
        auto packet = Packet::create(count);
        std::fill(packet->data().begin(), packet->data().end(), uint8_t{1});
        endpoint_.send(stream, std::move(packet));
    }
    void read(Stream& stream, size_t size) {
        if (stream.incoming.size() == 0) return;
        const auto piece = stream.incoming.piece(0);
        unsigned sum = 0;
        for (const uint8_t byte : piece) sum += byte;
        require(sum <= piece.size() * 255);
        endpoint_.consume(stream, std::min(piece.size(), size));
    }

    Host host_;
    Endpoint endpoint_;
    Program program_;
    Port ports_[2];
    std::vector<Stream*> streams_;
    Instant now_{};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    test::Input input{data, size};
    Machine machine;
    while (!input.empty()) {
        if (input.byte() % 2 == 0) machine.receive(input);
        else machine.step(input);
        machine.check();
    }
    return 0;
}
