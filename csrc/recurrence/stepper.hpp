// One step of a whole model for live streams: an embedding or dense input, recurrent layers, a linear head. Weights are
// packed once, and a step allocates nothing. Sums are those of forward.hpp and matmul.hpp, chain by chain, so a step
// gives the same bits as the layers do.
#pragma once

#include <memory>
#include <vector>

#include "calls.hpp"
#include "recurrence/panels.hpp"

namespace ostinato::OSTINATO_ISA {

// Numbers of its own, 64-byte aligned.
template <class T>
class Owned {
   public:
    explicit Owned(index count = 0)
        : data_(static_cast<T*>(large_memory(std::size_t(greater(1, count)) * sizeof(T)))) {
        std::memset(data_.get(), 0, std::size_t(count) * sizeof(T));
    }
    T* get() const { return data_.get(); }

   private:
    struct Free {
        void operator()(T* data) const { std::free(data); }
    };
    std::unique_ptr<T, Free> data_;
};

// A weight in panels and the rows it is multiplied with.
template <class T>
struct Product {
    const T* left;
    index left_step;
    const T* weight;
    index depth;
};

// For each panel, then(panel, row, its sums of each product): sums [Group * lanes] that begin with begin(panel, product, to).
// Backwards: from the last panel to the first, so that what the step before has left in a cache is used first.
template <int Group, int Together, class V, int Products, class T, class Begin, class Then>
OSTINATO_INLINE void each_panel(const Product<T> (&products)[Products], index rows, index panels, bool backwards, Begin begin,
                                Then then) {
    constexpr index width = Group * V::lanes;
    alignas(64) T sums[Products][greater(block_rows, Together)][width];
    const index whole = rows == 1 ? panels / Together * Together : 0;
    const auto some = [&](index first, auto count) {
        constexpr int Count = decltype(count)::value;
        for (int p = 0; p < Products; ++p) {
            const auto& [left, left_step, weight, depth] = products[p];
            const index apart = depth * width;
            if constexpr (Count == 1) {
                for (index r = 0; r < rows; ++r) begin(first, p, sums[p][r]);
                add_product<Group, V>(sums[p][0], left, left_step, rows, weight + first * apart, depth);
            } else {
                for (index b = 0; b < Count; ++b) begin(first + b, p, sums[p][b]);
                add_products_of_row<Group, Count, V>(sums[p][0], left, weight + first * apart, apart, depth);
            }
        }
        for (index b = 0; b < Count; ++b)
            for (index r = 0; r < rows; ++r) {
                const T* found[Products];
                for (int p = 0; p < Products; ++p) found[p] = sums[p][b + r];
                then(first + b, r, found);
            }
    };
    for (index i = panels - 1; backwards && i >= whole; --i) some(i, ostinato::OSTINATO_ISA::Count<1>{});
    if constexpr (Together > 1)
        for (index i = 0; i < whole; i += Together)
            some(backwards ? whole - Together - i : i, ostinato::OSTINATO_ISA::Count<Together>{});
    for (index i = whole; !backwards && i < panels; ++i) some(i, ostinato::OSTINATO_ISA::Count<1>{});
}

// At most block_rows rows through one layer.
template <class T>
class LayerStep {
   public:
    virtual ~LayerStep() = default;
    // x [rows][x_step]; state [rows][any], h and then c at `offset` of each, changed in place.
    // Returns what the layer gives out, [rows][out_step()].
    virtual const T* step(const T* x, index x_step, index rows, T* const* states, index offset) = 0;
    virtual index out_step() const = 0;
};

template <class V, template <class> class CellOf, class T = typename V::Scalar>
class CellStep final : public LayerStep<T> {
    using Cell = CellOf<V>;
    static constexpr int G = Cell::gates, S = Cell::states, K = Cell::kept, U = Cell::units, L = V::lanes, A = Cell::first;
    static constexpr index width = U * L;
    static constexpr int together(int vectors) { return vectors >= 8 ? 1 : vectors >= 4 ? 2 : vectors == 3 ? 3 : 4; }

   public:
    explicit CellStep(const StepperLayer<T>& layer)
        : inputs_(layer.inputs),
          hidden_(layer.hidden),
          outputs_(layer.outputs),
          panels_(slices(layer.hidden, width)),
          padded_(panels_ * width),
          padded_outputs_(layer.weight_output ? rounded(layer.outputs, 2 * L) : padded_),
          projected_(layer.weight_output),
          input_(padded_ * G * inputs_),
          first_(padded_ * A * outputs_),
          second_(A < G ? padded_ * (G - A) * hidden_ : 0),
          output_(projected_ ? padded_outputs_ * hidden_ : 0),
          bias_(padded_ * G),
          product_bias_(padded_ * G),
          records_(block_rows * padded_ * K),
          h_(block_rows * padded_outputs_),
          next_(block_rows * padded_outputs_),
          c_(block_rows * padded_),
          passed_(block_rows * padded_) {
        pack_gates<U, G, V>(layer.weight_input, hidden_, inputs_, 0, input_.get());
        pack_gates<U, A, V>(layer.weight_hidden, hidden_, outputs_, 0, first_.get());
        if constexpr (A < G) pack_gates<U, G - A, V>(layer.weight_hidden, hidden_, hidden_, A, second_.get());
        if (projected_) pack_rows<V>(layer.weight_output, outputs_, hidden_, output_.get());
        pack_biases<U, V, Cell>(layer.bias_input, layer.bias_hidden, hidden_, bias_.get(), product_bias_.get());
    }

    index out_step() const override { return padded_outputs_; }

    const T* step(const T* x, index x_step, index rows, T* const* states, index offset) override {
        for (index r = 0; r < rows; ++r) {
            std::memcpy(h_.get() + r * padded_outputs_, states[r] + offset, std::size_t(outputs_) * sizeof(T));
            if (S > 1) std::memcpy(c_.get() + r * padded_, states[r] + offset + outputs_, std::size_t(hidden_) * sizeof(T));
        }
        const Product<T> inputs{x, x_step, input_.get(), inputs_};
        backwards_ = !backwards_;
        if constexpr (A < G) {
            each_panel<U * G, together(U * G), V>(
                {inputs}, rows, panels_, false, [&](index panel, int, T* to) { copy_bias<G>(bias_, panel, to); },
                [&](index panel, index r, const T* const* sums) {
                    for (int u = 0; u < U; ++u)
                        for (int g = 0; g < G; ++g) V::load(sums[0] + (u * G + g) * L).store(record(r, panel, u) + g * L);
                });
            part<0, A>(rows, h_.get(), padded_outputs_, first_.get(), outputs_, passed_.get(), padded_);
            part<A, G - A>(rows, passed_.get(), padded_, second_.get(), hidden_, next_.get(), padded_outputs_);
        } else {
            T* to = projected_ ? passed_.get() : next_.get();
            const index to_step = projected_ ? padded_ : padded_outputs_;
            each_panel<U * G, together(U * G), V>(
                {inputs, Product<T>{h_.get(), padded_outputs_, first_.get(), outputs_}}, rows, panels_, backwards_,
                [&](index panel, int product, T* sums) { copy_bias<G>(product ? product_bias_ : bias_, panel, sums); },
                [&](index panel, index r, const T* const* sums) {
                    for (int u = 0; u < U; ++u) {
                        V kept[K], product[G];
                        for (int g = 0; g < G; ++g) {
                            kept[g] = V::load(sums[0] + (u * G + g) * L);
                            product[g] = V::load(sums[1] + (u * G + g) * L);
                        }
                        map<0, G>(kept, product, panel, r, u, to + r * to_step);
                    }
                });
        }
        if (projected_)
            each_panel<2, 4, V>(
                {Product<T>{passed_.get(), padded_, output_.get(), hidden_}}, rows, padded_outputs_ / (2 * L), false,
                [](index, int, T* sums) { std::memset(sums, 0, 2 * L * sizeof(T)); },
                [&](index panel, index r, const T* const* sums) {
                    std::memcpy(next_.get() + r * padded_outputs_ + panel * 2 * L, sums[0], 2 * L * sizeof(T));
                });
        for (index r = 0; r < rows; ++r) {
            std::memcpy(states[r] + offset, next_.get() + r * padded_outputs_, std::size_t(outputs_) * sizeof(T));
            if (S > 1) std::memcpy(states[r] + offset + outputs_, c_.get() + r * padded_, std::size_t(hidden_) * sizeof(T));
        }
        return next_.get();
    }

   private:
    T* record(index r, index panel, int u) const { return records_.get() + ((r * panels_ + panel) * U + u) * K * L; }

    template <int Count>
    OSTINATO_INLINE void copy_bias(const Owned<T>& bias, index panel, T* to) const {
        std::memcpy(to, bias.get() + panel * U * Count * L, U * Count * L * sizeof(T));
    }

    template <int From, int Count>
    void part(index rows, const T* left, index left_step, const T* weight, index depth, T* to, index to_step) {
        each_panel<U * Count, together(U * Count), V>(
            {Product<T>{left, left_step, weight, depth}}, rows, panels_, false,
            [](index, int, T* sums) { std::memset(sums, 0, U * Count * L * sizeof(T)); },
            [&](index panel, index r, const T* const* sums) {
                for (int u = 0; u < U; ++u) {
                    V kept[K], product[Count];
                    T* at = record(r, panel, u);
                    for (int k = 0; k < K; ++k) kept[k] = V::load(at + k * L);
                    for (int g = 0; g < Count; ++g) product[g] = V::load(sums[0] + (u * Count + g) * L);
                    map<From, Count>(kept, product, panel, r, u, to + r * to_step);
                    for (int k = 0; k < K; ++k) kept[k].store(at + k * L);
                }
            });
    }

    template <int From, int Count>
    OSTINATO_INLINE void map(V (&kept)[K], const V (&product)[Count], index panel, index r, int u, T* to) {
        const index unit = (panel * U + u) * L;
        V state[S];
        state[0] = projected_ ? V::zero() : V::load(h_.get() + r * padded_outputs_ + unit);
        if constexpr (S > 1) state[1] = V::load(c_.get() + r * padded_ + unit);
        if constexpr (Count == G) {
            Cell::forward(kept, product, state);
        } else if constexpr (From == 0) {
            Cell::forward_first(kept, product, state).store(to + unit);
            return;
        } else {
            Cell::forward_second(kept, product, state);
        }
        state[0].store(to + unit);
        if constexpr (S > 1) state[1].store(c_.get() + r * padded_ + unit);
    }

    const index inputs_, hidden_, outputs_, panels_, padded_, padded_outputs_;
    const bool projected_;
    bool backwards_ = false;
    Owned<T> input_, first_, second_, output_, bias_, product_bias_, records_, h_, next_, c_, passed_;
};

template <class V, class T = typename V::Scalar>
class StackStep final : public Stepper<T> {
   public:
    StackStep(const StepperModel<T>& model, std::vector<std::unique_ptr<LayerStep<T>>> layers)
        : model_(model),
          layers_(std::move(layers)),
          embedding_(model.embedding ? model.tokens * model.layers[0].inputs : 0),
          gathered_(model.embedding ? block_rows * model.layers[0].inputs : 0),
          head_(model.head ? rounded(model.outputs, 2 * V::lanes) * last().outputs : 0),
          head_bias_(rounded(model.outputs, 2 * V::lanes)) {
        if (model.embedding) std::memcpy(embedding_.get(), model.embedding, std::size_t(model.tokens * model.layers[0].inputs) * sizeof(T));
        if (model.head) pack_rows<V>(model.head, model.outputs, last().outputs, head_.get());
        if (model.head_bias) std::memcpy(head_bias_.get(), model.head_bias, std::size_t(model.outputs) * sizeof(T));
    }

    void step(index rows, const T* x, const index* tokens, T* states, const index* places, T* out) override {
        const FlushDenormals flush;
        constexpr index width = 2 * V::lanes;
        for (index first = 0; first < rows; first += block_rows) {
            const index count = lesser(block_rows, rows - first), inputs = model_.layers[0].inputs;
            T* at[block_rows];
            for (index r = 0; r < count; ++r) at[r] = states + (places ? places[first + r] : first + r) * model_.numbers;
            // One token's row is used where it stands; several are brought together.
            const T* left = x + first * inputs;
            if (tokens && count == 1) {
                left = embedding_.get() + tokens[first] * inputs;
            } else if (tokens) {
                for (index r = 0; r < count; ++r)
                    std::memcpy(gathered_.get() + r * inputs, embedding_.get() + tokens[first + r] * inputs, std::size_t(inputs) * sizeof(T));
                left = gathered_.get();
            }
            index left_step = inputs, offset = 0;
            for (std::size_t l = 0; l < layers_.size(); ++l) {
                left = layers_[l]->step(left, left_step, count, at, offset);
                left_step = layers_[l]->out_step();
                offset += model_.layers[l].numbers();
            }
            T* to = out + first * model_.outputs;
            if (!model_.head) {
                for (index r = 0; r < count; ++r)
                    std::memcpy(to + r * model_.outputs, left + r * left_step, std::size_t(model_.outputs) * sizeof(T));
                continue;
            }
            each_panel<2, 4, V>(
                {Product<T>{left, left_step, head_.get(), last().outputs}}, count, slices(model_.outputs, width), false,
                [&](index panel, int, T* sums) { std::memcpy(sums, head_bias_.get() + panel * width, width * sizeof(T)); },
                [&](index panel, index r, const T* const* sums) {
                    const index j = panel * width;
                    std::memcpy(to + r * model_.outputs + j, sums[0], std::size_t(lesser(width, model_.outputs - j)) * sizeof(T));
                });
        }
    }

   private:
    const StepperLayer<T>& last() const { return model_.layers.back(); }

    const StepperModel<T> model_;
    std::vector<std::unique_ptr<LayerStep<T>>> layers_;
    Owned<T> embedding_, gathered_, head_, head_bias_;
};

}  // namespace ostinato::OSTINATO_ISA
