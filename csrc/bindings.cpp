// The door between Python and the kernels: the module ostinato._core.
//
// A buffer comes as its address and its number of elements. The caller vouches that the address holds that many; every
// number of elements is checked here against the sizes, so that no kernel reads or writes past what was promised.
#include <nanobind/nanobind.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "dispatch.hpp"
#include "door.hpp"
#include "ngram/bind.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

using ostinato::Door, ostinato::Called, ostinato::Lying, ostinato::Buffer, ostinato::Buffers, ostinato::integer;

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

integer cell_of(const Door& door, integer cell) {
    if (cell < 0 || cell >= ostinato::cell_count)
        door.refuse("cell is " + std::to_string(cell) + "; it must be from 0 to " + std::to_string(ostinato::cell_count - 1));
    return cell;
}

void scan_forward(integer cell, integer dtype, integer batch, integer steps, integer inputs, integer hidden, integer outputs,
                  integer threads, bool reverse, const Buffer& lengths, const Lying& x, const Buffers& weights,
                  const Buffers& initial, const Lying& out, const Buffers& final, BUFFER(kept)) {
    const Door door("scan_forward");
    door.dtype(dtype), cell_of(door, cell);
    typed(dtype, [&](auto zero) {
        using T = decltype(zero);
        ostinato::ScanForward<T> call{};
        const Called<T> called{door, call, ostinato::cell_gates[cell], ostinato::cell_states[cell]};
        called.sizes(batch, steps, inputs, hidden, outputs, threads, reverse, lengths);
        called.weights(weights, cell != ostinato::lstm);
        call.x = called.template sequences<const T>("x", x, inputs);
        called.leaves("initial", call.initial, initial, false);
        call.out = called.template sequences<T>("out", out, outputs);
        called.apart("out", out, outputs);
        called.leaves("final", call.final, final, false);
        const auto& cells = table<T>().cells[cell];
        call.kept = door.optional<T>(PASS(kept), {cells.kept_numbers(batch, steps, hidden)});
        nb::gil_scoped_release released;
        cells.forward(call);
    });
}

void scan_backward(integer cell, integer dtype, integer batch, integer steps, integer inputs, integer hidden, integer outputs,
                   integer threads, bool reverse, const Buffer& lengths, const Lying& x, const Buffers& weights,
                   const Buffers& initial, const Lying& out, BUFFER(kept), const Lying& grad_out, const Buffers& grad_final,
                   const Lying& grad_x, const Buffers& grad_weights, const Buffers& grad_initial) {
    const Door door("scan_backward");
    door.dtype(dtype), cell_of(door, cell);
    typed(dtype, [&](auto zero) {
        using T = decltype(zero);
        ostinato::ScanBackward<T> call{};
        const Called<T> called{door, call, ostinato::cell_gates[cell], ostinato::cell_states[cell]};
        called.sizes(batch, steps, inputs, hidden, outputs, threads, reverse, lengths);
        called.weights(weights, cell != ostinato::lstm);
        call.x = called.template sequences<const T>("x", x, inputs);
        called.leaves("initial", call.initial, initial, false);
        call.out = called.template sequences<const T>("out", out, outputs);
        const auto& cells = table<T>().cells[cell];
        call.kept = door.buffer<const T>(PASS(kept), {cells.kept_numbers(batch, steps, hidden)});
        const auto lacks = [](const Lying& given) { return !std::get<0>(given) && !std::get<1>(given); };
        if (!lacks(grad_out)) call.grad_out = called.template sequences<const T>("grad_out", grad_out, outputs);
        called.leaves("grad_final", call.grad_final, grad_final, true);
        if (!lacks(grad_x)) {
            call.grad_x = called.template sequences<T>("grad_x", grad_x, inputs);
            called.apart("grad_x", grad_x, inputs);
        }
        if (grad_weights.size() != 5)
            door.refuse("grad_weights are " + std::to_string(grad_weights.size()) + " buffers; they must be 5");
        const integer G = called.gates;
        const auto optional = [&](const char* name, int i, std::initializer_list<integer> sizes) {
            return door.optional<T>(name, grad_weights[i].first, grad_weights[i].second, sizes);
        };
        call.grad_weight_input = optional("grad_weight_input", 1, {G, hidden, inputs});
        call.grad_bias_input = optional("grad_bias_input", 2, {G, hidden});
        call.grad_weight_hidden = optional("grad_weight_hidden", 0, {G, hidden, outputs});
        call.grad_bias_hidden = optional("grad_bias_hidden", 3, {G, hidden});
        call.grad_weight_output = optional("grad_weight_output", 4, {outputs, hidden});
        if (!call.weight_input && call.grad_weight_input) door.refuse("there is no weight_input to have a gradient");
        if (!call.weight_output && call.grad_weight_output) door.refuse("there is no weight_output to have a gradient");
        called.leaves("grad_initial", call.grad_initial, grad_initial, false);
        nb::gil_scoped_release released;
        cells.backward(call);
    });
}

integer kept_numbers(integer cell, integer dtype, integer batch, integer steps, integer hidden) {
    const Door door("kept_numbers");
    door.dtype(dtype), cell_of(door, cell);
    door.product({batch + 2, steps, 8, hidden + 64});
    const auto of = [&](const auto& all) { return all.cells[cell].kept_numbers(batch, steps, hidden); };
    return dtype == 4 ? of(ostinato::kernels().single) : of(ostinato::kernels().twice);
}

// A compiled model, and what its steps need to know of it.
struct Compiled {
    std::unique_ptr<ostinato::Stepper<float>> stepper;
    integer inputs = 0, tokens = 0, outputs = 0, numbers = 0;
};

using LayerGiven = std::tuple<integer, integer, integer, integer, Buffers>;

// layers: cell, inputs, hidden, outputs, and the weights in the order of scan_forward's
std::shared_ptr<Compiled> compile(const std::vector<LayerGiven>& layers, const Buffer& embedding, integer tokens,
                                  const Buffer& head, const Buffer& head_bias, integer outputs) {
    const Door door("compile");
    if (layers.empty()) door.refuse("there are no layers; give it at least one");
    ostinato::StepperModel<float> model{};
    integer width = 0;
    for (const auto& [cell, inputs, hidden, out, weights] : layers) {
        ostinato::StepperLayer<float> layer{};
        const integer number = cell_of(door, cell), G = ostinato::cell_gates[number];
        layer.cell = int(number), layer.inputs = inputs, layer.hidden = hidden, layer.outputs = out;
        if (inputs < 1 || hidden < 1 || out < 1) door.refuse("a layer has a size below 1");
        if (width && inputs != width) door.refuse("a layer takes " + std::to_string(inputs) + " inputs where the one before gives " + std::to_string(width));
        door.product({G, hidden + 64, inputs + 64}), door.product({G, hidden + 64, out + 64}), door.product({64, hidden + out + inputs, 8});
        if (weights.size() != 5) door.refuse("weights are " + std::to_string(weights.size()) + " buffers; they must be 5");
        layer.weight_hidden = door.buffer<const float>("weight_hidden", weights[0].first, weights[0].second, {G, hidden, out});
        layer.weight_input = door.buffer<const float>("weight_input", weights[1].first, weights[1].second, {G, hidden, inputs});
        layer.bias_input = door.optional<const float>("bias_input", weights[2].first, weights[2].second, {G, hidden});
        layer.bias_hidden = door.optional<const float>("bias_hidden", weights[3].first, weights[3].second, {G, hidden});
        layer.weight_output = door.optional<const float>("weight_output", weights[4].first, weights[4].second, {out, hidden});
        if (layer.weight_output && number != ostinato::lstm) door.refuse("this cell takes no weight_output");
        if (!layer.weight_output && out != hidden) door.refuse("outputs must equal hidden where there is no weight_output");
        model.layers.push_back(layer);
        model.numbers += layer.numbers();
        width = out;
    }
    model.tokens = tokens;
    model.embedding = door.optional<const float>("embedding", embedding.first, embedding.second, {tokens, model.layers[0].inputs});
    model.outputs = outputs;
    model.head = door.optional<const float>("head", head.first, head.second, {outputs, width});
    model.head_bias = door.optional<const float>("head_bias", head_bias.first, head_bias.second, {outputs});
    if (!model.head && (outputs != width || model.head_bias)) door.refuse("without a head, outputs are those of the last layer");
    return std::make_shared<Compiled>(Compiled{table<float>().stepper(model), model.layers[0].inputs,
                                               model.embedding ? tokens : 0, outputs, model.numbers});
}

// A step whose buffers are settled: calling it takes what stands in them now.
class BoundStep {
   public:
    BoundStep(std::shared_ptr<Compiled> of, integer rows, const Buffer& inputs, const Buffer& states, const Buffer& places, const Buffer& out)
        : of_(std::move(of)), rows_(rows) {
        const Door door("bind");
        if (of_->tokens)
            tokens_ = door.buffer<const integer>("tokens", inputs.first, inputs.second, {rows});
        else
            x_ = door.buffer<const float>("x", inputs.first, inputs.second, {rows, of_->inputs});
        streams_ = states.second / of_->numbers;
        states_ = door.buffer<float>("states", states.first, states.second, {streams_, of_->numbers});
        places_ = door.optional<const integer>("places", places.first, places.second, {rows});
        out_ = door.buffer<float>("out", out.first, out.second, {rows, of_->outputs});
        if (!places_ && rows > streams_) door.refuse("there are more rows than states");
        if (places_) last_taken_.assign(std::size_t(streams_), 0);
    }

    void operator()() {
        const Door door("step");
        for (integer r = 0; tokens_ && r < rows_; ++r)
            if (tokens_[r] < 0 || tokens_[r] >= of_->tokens)
                door.refuse("token " + std::to_string(tokens_[r]) + " is not below " + std::to_string(of_->tokens));
        ++step_;
        for (integer r = 0; places_ && r < rows_; ++r) {
            if (places_[r] < 0 || places_[r] >= streams_)
                door.refuse("row " + std::to_string(places_[r]) + " is not below " + std::to_string(streams_));
            if (std::exchange(last_taken_[std::size_t(places_[r])], step_) == step_)
                door.refuse("row " + std::to_string(places_[r]) + " stands there twice");
        }
        of_->stepper->step(rows_, x_, tokens_, states_, places_, out_);
    }

   private:
    std::shared_ptr<Compiled> of_;
    integer rows_, streams_ = 0, step_ = 0;
    const float* x_ = nullptr;
    const integer *tokens_ = nullptr, *places_ = nullptr;
    float *states_ = nullptr, *out_ = nullptr;
    std::vector<integer> last_taken_;
};

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
    module.attr("cells") = std::vector<std::string>(ostinato::cell_names, ostinato::cell_names + ostinato::cell_count);
    module.def("scan_forward", &scan_forward);
    module.def("scan_backward", &scan_backward);
    module.def("sizes", [](integer cell) {
        const Door door("sizes");
        return std::pair(ostinato::cell_gates[cell_of(door, cell)], ostinato::cell_states[cell]);
    }, "cell"_a, "Gates and state leaves of a cell.");
    module.def("kept_numbers", &kept_numbers, "How many numbers a forward scan keeps for its backward scan.");
    nb::class_<Compiled>(module, "Compiled", "A stack of layers whose weights are packed.")
        .def_ro("inputs", &Compiled::inputs)
        .def_ro("tokens", &Compiled::tokens)
        .def_ro("outputs", &Compiled::outputs)
        .def_ro("numbers", &Compiled::numbers);
    module.def("compile", &compile);
    nb::class_<BoundStep>(module, "BoundStep", "A step over buffers that are settled; the caller keeps them.")
        .def(nb::init<std::shared_ptr<Compiled>, integer, const Buffer&, const Buffer&, const Buffer&, const Buffer&>())
        .def("__call__", &BoundStep::operator());
    module.def("linear_forward", &linear_forward);
    module.def("linear_backward", &linear_backward);
    ostinato::ngram::bind_build(module);
    ostinato::ngram::bind_query(module);
}
