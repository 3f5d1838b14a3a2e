// What comes in from outside, checked: every number of elements against the sizes, so that no kernel reads or writes past
// what was promised.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "calls.hpp"

namespace ostinato {

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

// Address, elements from the first to the last, and how far rows and steps are apart; for rows that stand longest first
// and step by step, how many stand before each step's first.
using Lying = std::tuple<std::uintptr_t, integer, integer, integer, std::uintptr_t, integer>;
using Buffer = std::pair<std::uintptr_t, integer>;
using Buffers = std::vector<Buffer>;

// What both directions are told of a call, checked.
template <class T>
struct Called {
    const Door& door;
    Scan<T>& call;
    integer gates, states;

    template <class U>
    Sequences<U> sequences(const char* name, const Lying& given, integer features) const {
        const auto [address, count, row, step, starts, starts_count] = given;
        Sequences<U> result{reinterpret_cast<U*>(address), row, step, nullptr};
        const integer B = call.batch, T_ = call.steps;
        integer wanted = 0;
        door.product({B, T_, features});
        if (starts || starts_count) {
            result.starts = door.buffer<const integer>("starts", starts, starts_count, {T_});
            if (step < features) door.refuse(std::string(name) + " has rows that overlap");
            // Row b of a step exists where the row is that long, and rows must stand longest first.
            integer rows = B, total = 0;
            for (integer b = 1; b < B; ++b)
                if (call.lengths[b] > call.lengths[b - 1]) door.refuse("rows must stand longest first where starts are given");
            for (integer t = 0; t < T_; ++t) {
                while (rows > 0 && call.lengths[rows - 1] <= t) --rows;
                if (result.starts[t] != total)
                    door.refuse("starts[" + std::to_string(t) + "] is " + std::to_string(result.starts[t]) + "; the lengths say " +
                                std::to_string(total));
                total += rows;
            }
            door.product({total, step});
            wanted = total ? (total - 1) * step + features : 0;
        } else if (B && T_ && features) {
            if (row < 0 || step < 0) door.refuse(std::string(name) + " has a negative stride");
            door.product({B, row}), door.product({T_, step});
            wanted = (B - 1) * row + (T_ - 1) * step + features;
        }
        if (features == 0) wanted = 0;
        door.buffer<U>(name, address, count, {wanted});
        return result;
    }

    // Two elements must not share a place where they are written.
    void apart(const char* name, const Lying& given, integer features) const {
        const integer row = std::get<2>(given), step = std::get<3>(given), B = call.batch, T_ = call.steps;
        if (std::get<4>(given) || B == 0 || T_ == 0 || features == 0) return;
        const bool rows_outside = B == 1 || row >= (T_ - 1) * step + features, steps_inside = T_ == 1 || step >= features;
        const bool steps_outside = T_ == 1 || step >= (B - 1) * row + features, rows_inside = B == 1 || row >= features;
        if (!(rows_outside && steps_inside) && !(steps_outside && rows_inside))
            door.refuse(std::string(name) + " has elements that overlap");
    }

    void sizes(integer batch, integer steps, integer inputs, integer hidden, integer outputs, integer threads, bool reverse,
               const Buffer& lengths) const {
        door.product({batch, steps, gates + 2, hidden + 64});
        door.product({batch, steps, inputs + 64}), door.product({batch, steps, outputs + 64});
        door.product({gates, hidden + 64, inputs + 64}), door.product({gates, hidden + 64, outputs + 64});
        call.batch = batch, call.steps = steps, call.inputs = inputs, call.hidden = hidden, call.outputs = outputs;
        call.threads = door.threads(threads), call.reverse = reverse;
        call.lengths = door.lengths(lengths.first, lengths.second, batch, steps);
    }

    // weight_hidden, weight_input, bias_input, bias_hidden, weight_output
    void weights(const Buffers& given, bool before) const {
        const integer G = gates, H = call.hidden;
        if (given.size() != 5) door.refuse("weights are " + std::to_string(given.size()) + " buffers; they must be 5");
        const auto optional = [&](const char* name, int i, std::initializer_list<integer> sizes) {
            return door.optional<const T>(name, given[i].first, given[i].second, sizes);
        };
        call.weight_input = optional("weight_input", 1, {G, H, call.inputs});
        call.bias_input = optional("bias_input", 2, {G, H});
        call.weight_hidden = door.buffer<const T>("weight_hidden", given[0].first, given[0].second, {G, H, call.outputs});
        call.bias_hidden = optional("bias_hidden", 3, {G, H});
        call.weight_output = optional("weight_output", 4, {call.outputs, H});
        // A weight of no elements is there all the same, and has no address.
        static const T none{};
        if (H * call.inputs == 0 && !call.weight_input) call.weight_input = &none;
        if (H == 0 && call.outputs && !call.weight_output && !before) call.weight_output = &none;
        if (!call.weight_input && call.inputs != G * H)
            door.refuse("inputs are " + std::to_string(call.inputs) + "; without weight_input they must be gates times hidden");
        if (!call.weight_output && call.outputs != H) door.refuse("outputs must equal hidden where there is no weight_output");
        if (call.weight_output && before) door.refuse("this cell takes no weight_output");
    }

    template <class U>
    void leaves(const char* name, U* (&to)[most_states], const Buffers& given, bool may_lack) const {
        if (integer(given.size()) != states)
            door.refuse(std::string(name) + " is " + std::to_string(given.size()) + " buffers; it must be " + std::to_string(states));
        for (integer s = 0; s < states; ++s) {
            const integer size = s ? call.hidden : call.outputs;
            const std::string leaf = std::string(name) + "[" + std::to_string(s) + "]";
            to[s] = may_lack ? door.optional<U>(leaf.c_str(), given[s].first, given[s].second, {call.batch, size})
                             : door.buffer<U>(leaf.c_str(), given[s].first, given[s].second, {call.batch, size});
        }
    }
};

}  // namespace ostinato
