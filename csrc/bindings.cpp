// The door between Python and the kernels: the module ostinato._core.
//
// A buffer comes as its address and its number of elements. The caller vouches that the address holds that many; every
// number of elements is checked here against the sizes, so that no kernel reads or writes past what was promised.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>

#include "dispatch.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

using integer = std::int64_t;

// Names what is wrong, in one sentence that starts with the function's name.
class Door {
   public:
    explicit Door(const char* function) : function_(function) {}

    [[noreturn]] void refuse(const std::string& what) const {
        throw std::invalid_argument(std::string("ostinato._core.") + function_ + ": " + what + ".");
    }

    integer product(std::initializer_list<integer> sizes) const {
        integer result = 1;
        for (integer size : sizes) {
            if (size < 0) refuse("a size is " + std::to_string(size) + "; sizes cannot be negative");
            // A zero among the sizes must not hide that the others overflow: strides are computed from them all.
            if (__builtin_mul_overflow(result, size ? size : 1, &result) ||
                result > std::numeric_limits<integer>::max() / 64)
                refuse("the sizes multiply to more than memory can hold");
        }
        for (integer size : sizes)
            if (size == 0) return 0;
        return result;
    }

    template <class T>
    T* buffer(const char* name, std::uintptr_t address, integer count, std::initializer_list<integer> sizes) const {
        const integer wanted = product(sizes);
        if (count != wanted)
            refuse(std::string(name) + " has " + std::to_string(count) + " elements where the sizes need " +
                   std::to_string(wanted));
        if (wanted && !address) refuse(std::string(name) + " is a null pointer");
        if (address % alignof(T)) refuse(std::string(name) + " is not aligned to its elements");
        return reinterpret_cast<T*>(address);
    }

    // A null address says that the caller does without; then it must have no elements either.
    template <class T>
    T* optional(const char* name, std::uintptr_t address, integer count, std::initializer_list<integer> sizes) const {
        if (!address && count == 0) return nullptr;
        return buffer<T>(name, address, count, sizes);
    }

    const integer* lengths(std::uintptr_t address, integer count, integer batch, integer steps) const {
        const integer* values = buffer<const integer>("lengths", address, count, {batch});
        for (integer b = 0; b < batch; ++b)
            if (values[b] < 0 || values[b] > steps)
                refuse("lengths[" + std::to_string(b) + "] is " + std::to_string(values[b]) + "; it must be from 0 to " +
                       std::to_string(steps));
        return values;
    }

    int threads(integer asked) const {
        if (asked < 1 || asked > 4096) refuse("threads is " + std::to_string(asked) + "; it must be from 1 to 4096");
        return int(asked);
    }

    // Bytes of an element; 4 or 8.
    void dtype(integer code) const {
        if (code != 4 && code != 8)
            refuse("dtype is " + std::to_string(code) + "; it must be 4 (float32) or 8 (float64)");
    }

   private:
    const char* function_;
};

template <class T>
const ostinato::Table<T>& table() {
    const auto& kernels = ostinato::kernels();
    if constexpr (sizeof(T) == 4)
        return kernels.single;
    else
        return kernels.twice;
}

// Calls body with a value of the type that the dtype code names.
template <class Body>
void typed(integer dtype, Body body) {
    if (dtype == 4)
        body(float());
    else
        body(double());
}

// A buffer's two integers, as they stand in every signature below.
#define BUFFER(name) std::uintptr_t name, integer name##_count
#define PASS(name) #name, name, name##_count

void lstm_forward(integer dtype, integer batch, integer steps, integer hidden, integer threads, BUFFER(gates),
                  BUFFER(weight), BUFFER(lengths), BUFFER(h0), BUFFER(c0), BUFFER(outputs), BUFFER(h), BUFFER(c),
                  BUFFER(kept_gates), BUFFER(kept_c)) {
    const Door door("lstm_forward");
    door.dtype(dtype);
    typed(dtype, [&](auto zero) {
        using T = decltype(zero);
        ostinato::ScanForward<T> call{};
        call.batch = batch, call.steps = steps, call.hidden = hidden;
        call.threads = door.threads(threads);
        door.product({batch, steps, 4, hidden});
        door.product({4, hidden + 64, hidden + 64});
        call.gates = door.buffer<const T>(PASS(gates), {batch, steps, 4, hidden});
        call.weight = door.buffer<const T>(PASS(weight), {4, hidden, hidden});
        call.lengths = door.lengths(lengths, lengths_count, batch, steps);
        call.initial[0] = door.buffer<const T>(PASS(h0), {batch, hidden});
        call.initial[1] = door.buffer<const T>(PASS(c0), {batch, hidden});
        call.outputs = door.buffer<T>(PASS(outputs), {batch, steps, hidden});
        call.final[0] = door.buffer<T>(PASS(h), {batch, hidden});
        call.final[1] = door.buffer<T>(PASS(c), {batch, hidden});
        call.kept_gates = door.optional<T>(PASS(kept_gates), {batch, steps, 4, hidden});
        call.kept_states[1] = door.optional<T>(PASS(kept_c), {batch, steps, hidden});
        if (!call.kept_gates != !call.kept_states[1]) door.refuse("kept_gates and kept_c must be given together");
        const auto run = table<T>().lstm_forward;
        nb::gil_scoped_release released;
        run(call);
    });
}

void lstm_backward(integer dtype, integer batch, integer steps, integer hidden, integer threads, BUFFER(weight),
                   BUFFER(lengths), BUFFER(h0), BUFFER(c0), BUFFER(outputs), BUFFER(kept_gates), BUFFER(kept_c),
                   BUFFER(grad_outputs), BUFFER(grad_h), BUFFER(grad_c), BUFFER(grad_gates), BUFFER(grad_weight),
                   BUFFER(grad_h0), BUFFER(grad_c0)) {
    const Door door("lstm_backward");
    door.dtype(dtype);
    typed(dtype, [&](auto zero) {
        using T = decltype(zero);
        ostinato::ScanBackward<T> call{};
        call.batch = batch, call.steps = steps, call.hidden = hidden;
        call.threads = door.threads(threads);
        door.product({batch, steps, 4, hidden});
        door.product({4, hidden + 64, hidden + 64});
        call.weight = door.buffer<const T>(PASS(weight), {4, hidden, hidden});
        call.lengths = door.lengths(lengths, lengths_count, batch, steps);
        call.initial[0] = door.buffer<const T>(PASS(h0), {batch, hidden});
        call.initial[1] = door.buffer<const T>(PASS(c0), {batch, hidden});
        call.outputs = door.buffer<const T>(PASS(outputs), {batch, steps, hidden});
        call.kept_gates = door.buffer<const T>(PASS(kept_gates), {batch, steps, 4, hidden});
        call.kept_states[1] = door.buffer<const T>(PASS(kept_c), {batch, steps, hidden});
        call.grad_outputs = door.optional<const T>(PASS(grad_outputs), {batch, steps, hidden});
        call.grad_final[0] = door.optional<const T>(PASS(grad_h), {batch, hidden});
        call.grad_final[1] = door.optional<const T>(PASS(grad_c), {batch, hidden});
        call.grad_gates = door.buffer<T>(PASS(grad_gates), {batch, steps, 4, hidden});
        call.grad_weight = door.optional<T>(PASS(grad_weight), {4, hidden, hidden});
        call.grad_initial[0] = door.buffer<T>(PASS(grad_h0), {batch, hidden});
        call.grad_initial[1] = door.buffer<T>(PASS(grad_c0), {batch, hidden});
        const auto run = table<T>().lstm_backward;
        nb::gil_scoped_release released;
        run(call);
    });
}

void linear_forward(integer dtype, integer rows, integer inputs, integer outputs, integer threads, BUFFER(x),
                    BUFFER(weight), BUFFER(bias), BUFFER(out)) {
    const Door door("linear_forward");
    door.dtype(dtype);
    typed(dtype, [&](auto zero) {
        using T = decltype(zero);
        ostinato::LinearForward<T> call{};
        call.rows = rows, call.inputs = inputs, call.outputs = outputs;
        call.threads = door.threads(threads);
        call.x = door.buffer<const T>(PASS(x), {rows, inputs});
        call.weight = door.buffer<const T>(PASS(weight), {outputs, inputs});
        call.bias = door.optional<const T>(PASS(bias), {outputs});
        call.out = door.buffer<T>(PASS(out), {rows, outputs});
        const auto run = table<T>().linear_forward;
        nb::gil_scoped_release released;
        run(call);
    });
}

void linear_backward(integer dtype, integer rows, integer inputs, integer outputs, integer threads, BUFFER(x),
                     BUFFER(weight), BUFFER(grad_out), BUFFER(grad_x), BUFFER(grad_weight), BUFFER(grad_bias)) {
    const Door door("linear_backward");
    door.dtype(dtype);
    typed(dtype, [&](auto zero) {
        using T = decltype(zero);
        ostinato::LinearBackward<T> call{};
        call.rows = rows, call.inputs = inputs, call.outputs = outputs;
        call.threads = door.threads(threads);
        call.x = door.buffer<const T>(PASS(x), {rows, inputs});
        call.weight = door.buffer<const T>(PASS(weight), {outputs, inputs});
        call.grad_out = door.buffer<const T>(PASS(grad_out), {rows, outputs});
        call.grad_x = door.optional<T>(PASS(grad_x), {rows, inputs});
        call.grad_weight = door.optional<T>(PASS(grad_weight), {outputs, inputs});
        call.grad_bias = door.optional<T>(PASS(grad_bias), {outputs});
        const auto run = table<T>().linear_backward;
        nb::gil_scoped_release released;
        run(call);
    });
}

}  // namespace

NB_MODULE(_core, module) {
    module.doc() = "Ostinato's compiled kernels; ostinato.kernels is their Python face.";
    module.def("isa", [] { return std::string(ostinato::kernels().name); }, "The instruction set in use.");
    module.def("isas", &ostinato::available, "Those that this CPU can run, best first.");
    module.def("use_isa", &ostinato::use, "name"_a, "Uses another one from now on.");
    module.def("lstm_forward", &lstm_forward);
    module.def("lstm_backward", &lstm_backward);
    module.def("linear_forward", &linear_forward);
    module.def("linear_backward", &linear_backward);
}
